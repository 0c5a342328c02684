/// What the record of an association says of its datagrams.
struct DatagramRecord: Hashable, Sendable, CustomStringConvertible {
  var up: Int
  var down: Int
  /// By reason.
  var drops: [String: Int] = [:]

  var dropped: Int { self.drops.values.reduce(0, +) }

  var description: String { "up \(self.up), down \(self.down), dropped \(self.drops)" }
}

extension DatagramRecord {
  init(_ record: LogLine) {
    self.up = record.metadata["datagrams_up"].flatMap(Int.init) ?? -1
    self.down = record.metadata["datagrams_down"].flatMap(Int.init) ?? -1
    let mark = "dropped_"
    for (key, value) in record.metadata where key.hasPrefix(mark) {
      self.drops[String(key.dropFirst(mark.count).map { $0 == "_" ? "-" : $0 })] = Int(value)
    }
  }
}
