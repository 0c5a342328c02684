import SOCKSCore

extension Configuration {
  /// `penalties`: for how long the connections of an address that fails repeatedly are closed at once. After OpenSSH's
  /// PerSourcePenalties: every failure adds its time to the address's account, the account runs out with time, and from
  /// `minimum` on the address is blocked until they have expired.
  ///
  /// An IPv6 address counts as its network of `limits.ipv6_prefix`.
  public struct Penalties: Hashable, Sendable {
    /// `authentication`: a context that was refused. 0s to 1h. Default: 5s.
    public var authentication: Duration = .seconds(5)
    /// `password`: a wrong user name or password. 0s to 1h. Default: 5s.
    public var password: Duration = .seconds(5)
    /// `protocol`: a message that breaks the protocol before authentication. 0s to 1h. Default: 5s.
    public var violation: Duration = .seconds(5)
    /// `timeout`: a deadline that passed after the method was selected and before authentication. 0s to 1h. Default: 10s.
    public var timeout: Duration = .seconds(10)
    /// `abandoned`: a connection that ended after the method was selected and before authentication. 0s to 1h. Default: 1s.
    public var abandoned: Duration = .seconds(1)
    /// `minimum`: what an address must have accumulated to be blocked. 0s to 1h. Default: 15s.
    public var minimum: Duration = .seconds(15)
    /// `maximum`: the most that is on an account. 1s to 1d. Default: 10m.
    public var maximum: Duration = .seconds(600)
    /// `addresses`: accounts that are kept; the ones that run out first make room for others. 1 to 1000000.
    /// Default: 65536.
    public var addresses = 65_536
    /// `exempt`: networks without penalties. At most 1000. Default: `[127.0.0.0/8, "::1"]`, so that one program
    /// of the gateway's machine does not block the others.
    public var exempt: [IPNetwork] = Self.loopback

    /// `known_for`: how long an address is known after somebody has authenticated from it. Penalties slow a known address
    /// down instead of blocking it. 0s (never) to 7d. Default: 1h.
    public var knownFor: Duration = .seconds(3_600)
    /// `slow_connections`: connections of a known, penalized address that have not authenticated, at a time; further ones
    /// wait. 1 to 1000. Default: 8.
    public var slowConnections = 8
    /// `slow_rate`: connections of a known, penalized address in a second; further ones wait. 1 to 1000. Default: 8.
    public var slowRate = 8

    public init() {}

    static let loopback = [
      IPNetwork(.v4(0x7F00_0000), prefixLength: 8), IPNetwork(.v6(high: 0, low: 1), prefixLength: 128),
    ]
    .compactMap { $0 }

    struct Key: Sendable {
      let name: String
      let field: any WritableKeyPath<Penalties, Duration> & Sendable
      var bounds: ClosedRange<Duration> = .zero ... .seconds(3600)
    }

    static let keys: [Key] = [
      Key(name: "authentication", field: \.authentication),
      Key(name: "password", field: \.password),
      Key(name: "protocol", field: \.violation),
      Key(name: "timeout", field: \.timeout),
      Key(name: "abandoned", field: \.abandoned),
      Key(name: "minimum", field: \.minimum),
      Key(name: "maximum", field: \.maximum, bounds: .seconds(1) ... .seconds(86_400)),
      Key(name: "known_for", field: \.knownFor, bounds: .zero ... .seconds(7 * 86_400)),
    ]
    static let addressCounts = 1...1_000_000
    static let slowCounts = 1...1_000
  }
}
