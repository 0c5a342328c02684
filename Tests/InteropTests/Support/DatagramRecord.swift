/// What the record of an association says of its datagrams.
struct DatagramRecord: Hashable, Sendable, CustomStringConvertible {
  var up: Int
  var down: Int
  /// By reason.
  var drops: [String: Int] = [:]

  var description: String { "up \(self.up), down \(self.down), dropped \(self.drops)" }
}

extension DatagramRecord {
  init(_ record: LogLine) {
    self.up = record.metadata["datagrams_up"].flatMap(Int.init) ?? -1
    self.down = record.metadata["datagrams_down"].flatMap(Int.init) ?? -1
    for field in record.metadata["dropped"]?.split(separator: " ") ?? [] {
      let parts = field.split(separator: "=")
      self.drops[String(parts[0])] = parts.count == 2 ? Int(parts[1]) : nil
    }
  }
}
