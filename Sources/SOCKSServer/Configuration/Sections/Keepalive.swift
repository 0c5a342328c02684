extension Configuration {
  /// `keepalive`: how the system finds out that the other end of a silent connection is gone: after `idle`, and
  /// `probes` times `interval` without an answer. Holds for clients and for targets.
  public struct Keepalive: Hashable, Sendable {
    /// `idle`: silence before the first probe, in whole seconds. 1s to 9h. Default: 60s.
    public var idle: Duration = .seconds(60)
    /// `interval`: between probes, in whole seconds. 1s to 9h. Default: 10s.
    public var interval: Duration = .seconds(10)
    /// `probes`: unanswered ones that end the connection. 1 to 100. Default: 5.
    public var probes = 5

    public init() {}

    /// The system takes up to 32767 seconds.
    static let times: ClosedRange<Duration> = .seconds(1) ... .seconds(32_400)
    static let probeCounts = 1...100
  }
}
