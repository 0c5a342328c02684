public import ProxySession

extension Configuration {
  /// `limits`: how much there may be of things.
  public struct Limits: Hashable, Sendable {
    /// `connections`: client connections at a time; more wait in the system's queue. 1 to 1000000. Default: 10000.
    public var connections = 10_000
    /// `connections_per_address`: of those, from one address. 1 to 1000000. Default: 2500.
    public var connectionsPerAddress = 2_500
    /// `unauthenticated_per_address`: of those, before authentication. 1 to 1000000. Default: 200.
    public var unauthenticatedPerAddress = 200
    /// `unauthenticated`: when new connections are dropped because too many have not authenticated, see ``EarlyDrop``.
    /// Default: a quarter of `connections`, 30 per cent, and half of `connections`; at least 100:30:200.
    public var unauthenticated: EarlyDrop?
    /// `ipv6_prefix`: the leading bits of an IPv6 address that stand for one client, wherever addresses are counted or
    /// penalised. 1 to 128. Default: 64.
    public var ipv6Prefix = 64
    /// `sessions_per_principal`: sessions at a time; further ones are refused with reply 02. 1 to 1000000.
    /// Default: 2500.
    public var sessionsPerPrincipal = 2_500
    /// `bandwidth_per_principal`: octets in a second, each way, of all sessions of a principal together, as `10MiB/s`.
    /// 1KiB/s to 1024GiB/s. Default: no limit.
    public var bandwidthPerPrincipal: Bandwidth?
    /// `authentication_threads`: threads that step contexts; acceptors gain little from more than two. 1 to 64.
    /// Default: 2.
    public var authenticationThreads = 2
    /// `authentication_steps`: steps that wait or run at a time; further ones are aborted. 1 to 100000. Default: 1000.
    public var authenticationSteps = 1000
    /// `lookup_threads`: threads that resolve names. 1 to 256. Default: 16.
    public var lookupThreads = 16
    /// `lookups`: names that wait or are resolved at a time; further ones fail. 1 to 100000. Default: 1000.
    public var lookups = 1000
    /// `lookup_threads_per_principal`: of those, for the names that one principal asks for; its further ones wait. 1 to
    /// 256; always one less than there are, where there are several. Default: 4.
    public var lookupThreadsPerPrincipal = 4
    /// `lookups_per_principal`: of `lookups`, those that wait for one principal; further ones fail. 1 to 100000. Default: a
    /// quarter of `lookups`.
    public var lookupsPerPrincipal: Int {
      get { self.configuredLookupsPerPrincipal ?? max(1, self.lookups / 4) }
      set { self.configuredLookupsPerPrincipal = newValue }
    }
    private var configuredLookupsPerPrincipal: Int?
    /// `addresses_per_name`: how many addresses of a name are tried. 1 to 64. Default: 16.
    public var addressesPerName = 16
    /// `relay_buffer`: octets that one direction of a session holds for a slow receiver before it stops reading, as a
    /// number or `64KiB`, `1MiB`; one read of up to 2 MiB may go beyond it. 64KiB to 64MiB. Default: 512KiB.
    public var relayBuffer = 1 << 19

    public init() {}

    /// What holds: what was configured, or what follows from `connections`.
    var earlyDrop: EarlyDrop { self.unauthenticated ?? EarlyDrop(connections: self.connections) }

    struct Key: Sendable {
      let name: String
      let field: any WritableKeyPath<Limits, Int> & Sendable
      let bounds: ClosedRange<Int>
      var isSize = false
    }

    static let keys: [Key] = [
      Key(name: "connections", field: \.connections, bounds: 1...1_000_000),
      Key(name: "connections_per_address", field: \.connectionsPerAddress, bounds: 1...1_000_000),
      Key(name: "unauthenticated_per_address", field: \.unauthenticatedPerAddress, bounds: 1...1_000_000),
      Key(name: "ipv6_prefix", field: \.ipv6Prefix, bounds: 1...128),
      Key(name: "sessions_per_principal", field: \.sessionsPerPrincipal, bounds: 1...1_000_000),
      Key(name: "authentication_threads", field: \.authenticationThreads, bounds: 1...64),
      Key(name: "authentication_steps", field: \.authenticationSteps, bounds: 1...100_000),
      Key(name: "lookup_threads", field: \.lookupThreads, bounds: 1...256),
      Key(name: "lookups", field: \.lookups, bounds: 1...100_000),
      Key(name: "lookup_threads_per_principal", field: \.lookupThreadsPerPrincipal, bounds: 1...256),
      Key(name: "lookups_per_principal", field: \.lookupsPerPrincipal, bounds: 1...100_000),
      Key(name: "addresses_per_name", field: \.addressesPerName, bounds: 1...64),
      Key(name: "relay_buffer", field: \.relayBuffer, bounds: 65_536...67_108_864, isSize: true),
    ]
  }
}
