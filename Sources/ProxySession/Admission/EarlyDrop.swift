/// When new connections are dropped because too many have not authenticated: with no client above `start`, with a
/// probability that grows from `rate` per cent to certainty between `start` and `full`. After OpenSSH's MaxStartups.
///
/// Written `START:RATE:FULL`, for example `2500:30:5000`.
public struct EarlyDrop: Hashable, Sendable, CustomStringConvertible {
  /// Connections that have not authenticated, from which on some are dropped.
  public let start: Int
  /// Per cent, at `start`.
  public let rate: Int
  /// Connections that have not authenticated, from which on all are dropped.
  public let full: Int

  public static let counts = 1...1_000_000

  /// - Returns: nil unless `start` is at most `full`, both are 1 to 1000000, and `rate` is 1 to 100.
  public init?(start: Int, rate: Int, full: Int) {
    guard Self.counts.contains(start), Self.counts.contains(full), (1...100).contains(rate), start <= full else {
      return nil
    }
    (self.start, self.rate, self.full) = (start, rate, full)
  }

  /// What holds when the configuration is silent: from a quarter of the connections on, 30 per cent, to a half of them.
  /// A small gateway is spared.
  public init(connections: Int) {
    self.start = min(max(100, connections / 4), Self.counts.upperBound)
    self.rate = 30
    self.full = min(max(200, connections / 2), Self.counts.upperBound)
  }

  /// How likely a new connection is dropped while there are `count` others, in per cent.
  public func probability(at count: Int) -> Int {
    if count < self.start { return 0 }
    if count >= self.full { return 100 }
    return self.rate + (100 - self.rate) * (count - self.start) / (self.full - self.start)
  }

  public var description: String { "\(self.start):\(self.rate):\(self.full)" }
}
