extension Configuration {
  /// `limits`: how much there may be of things.
  public struct Limits: Hashable, Sendable {
    /// `connections`: client connections at a time; more wait in the system's queue. 1 to 1000000. Default: 10000.
    public var connections = 10_000
    /// `authentication_threads`: threads that step contexts; acceptors gain little from more than two. 1 to 64.
    /// Default: 2.
    public var authenticationThreads = 2
    /// `authentication_steps`: steps that wait or run at a time; further ones are aborted. 1 to 100000. Default: 1000.
    public var authenticationSteps = 1000
    /// `lookup_threads`: threads that resolve names. 1 to 256. Default: 16.
    public var lookupThreads = 16
    /// `lookups`: names that wait or are resolved at a time; further ones fail. 1 to 100000. Default: 1000.
    public var lookups = 1000
    /// `addresses_per_name`: how many addresses of a name are tried. 1 to 64. Default: 16.
    public var addressesPerName = 16
    /// `relay_buffer`: octets that one direction of a session holds for a slow receiver before it stops reading, as a
    /// number or `64KiB`, `1MiB`. 64KiB to 64MiB. Default: 1MiB.
    public var relayBuffer = 1 << 20

    public init() {}

    struct Key: Sendable {
      let name: String
      let field: any WritableKeyPath<Limits, Int> & Sendable
      let bounds: ClosedRange<Int>
      var isSize = false
    }

    static let keys: [Key] = [
      Key(name: "connections", field: \.connections, bounds: 1...1_000_000),
      Key(name: "authentication_threads", field: \.authenticationThreads, bounds: 1...64),
      Key(name: "authentication_steps", field: \.authenticationSteps, bounds: 1...100_000),
      Key(name: "lookup_threads", field: \.lookupThreads, bounds: 1...256),
      Key(name: "lookups", field: \.lookups, bounds: 1...100_000),
      Key(name: "addresses_per_name", field: \.addressesPerName, bounds: 1...64),
      Key(name: "relay_buffer", field: \.relayBuffer, bounds: 65_536...67_108_864, isSize: true),
    ]
  }
}
