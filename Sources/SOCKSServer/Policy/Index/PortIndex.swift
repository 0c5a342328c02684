/// Which rules are about a port: the ports are cut into pieces at which the answer changes.
struct PortIndex: Sendable {
  /// The first port of each piece, ascending.
  private let starts: [UInt32]
  private let pieces: [RuleSet]

  init(_ rules: [AccessRule]) {
    let ranges = rules.map {
      ($0.ports ?? [Self.all]).map { UInt32($0.ports.lowerBound)...UInt32($0.ports.upperBound) }
    }
    let starts = Set(ranges.joined().flatMap { [$0.lowerBound, $0.upperBound + 1] } + [0]).sorted()
    var pieces = starts.map { _ in RuleSet() }
    for (rule, ranges) in ranges.enumerated() {
      for range in ranges {
        var piece = Self.piece(of: range.lowerBound, starts)
        while piece < starts.count, starts[piece] <= range.upperBound {
          pieces[piece].insert(rule)
          piece += 1
        }
      }
    }
    self.starts = starts
    self.pieces = pieces
  }

  private static let all = PortRange(UInt16.min...UInt16.max)

  func rules(for port: UInt16) -> RuleSet { self.pieces[Self.piece(of: UInt32(port), self.starts)] }

  /// The last piece that does not begin behind a port; the first begins at 0.
  private static func piece(of port: UInt32, _ starts: [UInt32]) -> Int {
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= port { low = middle } else { high = middle }
    }
    return low
  }
}
