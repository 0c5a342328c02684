public import SOCKSCore

extension Configuration {
  /// `udp`: how datagrams are relayed for clients that asked for UDP ASSOCIATE (RFC 1928 section 7). Who may, and to where,
  /// is said in rules that allow `associate`.
  public struct UDP: Hashable, Sendable {
    /// `ports`: the ports that clients send their datagrams to, such as `40000-40999`: one for each association.
    /// Default: the system chooses.
    public var ports: PortRange?
    /// `advertise_address`: the IP address that clients are given to send to, when it is not the one that their
    /// connection has reached: a gateway behind NAT. Clients of the other family are given the one they connected to.
    /// Default: none.
    public var advertiseAddress: IPAddress?
    /// `replies`: whose datagrams reach the client: of addresses and ports that it has sent to (`asked`), or of everybody
    /// who knows the association's port towards the targets (`any`). Default: `asked`.
    public var replies: Replies = .asked
    /// `fragments`: what becomes of datagrams whose FRAG field is not zero: `drop`, or `reassemble`. Default: `drop`.
    public var fragments: Fragments = .drop
    /// `idle`: an association that has relayed nothing for this long ends. 1ms to 30d. Default: 30m.
    public var idle: Duration = .seconds(1800)
    /// `name_lifetime`: how long the addresses of a name are kept before it is resolved again. 1s to 1h. Default: 1m.
    public var nameLifetime: Duration = .seconds(60)
    /// `targets`: how many targets an association remembers, with what the rules said to them; the one used longest
    /// ago makes room. 1 to 4096. Default: 256.
    public var targets = 256
    /// `waiting`: how many datagrams of an association may wait for a name to be resolved; further ones are dropped. 1 to
    /// 1024. Default: 64.
    public var waiting = 64

    public init() {}

    public enum Replies: String, Hashable, Sendable, CaseIterable {
      case asked
      case any
    }

    public enum Fragments: String, Hashable, Sendable, CaseIterable {
      case drop
      case reassemble
    }

    static let idles: ClosedRange<Duration> = .milliseconds(1) ... .seconds(30 * 86_400)
    static let nameLifetimes: ClosedRange<Duration> = .seconds(1) ... .seconds(3600)
    static let targetCounts = 1...4096
    static let waitingCounts = 1...1024
  }
}
