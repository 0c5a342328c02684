/// How the descriptors of a process are divided: those of sessions, and a reserve for what must work even when there are
/// as many of those as may be: authentication (keytab, replay cache, configuration of the library), lookups, and
/// connections on their way in or out.
public struct DescriptorPlan: Hashable, Sendable {
  /// Files that the process has open in any case; connections that are being made or refused, and
  /// ``DescriptorLedger/evictionSlack``.
  private static let fixed = 80

  /// The cap on connections.
  public let connections: Int
  /// For sessions: the connections of clients, and those to targets.
  public let usable: Int
  public let reserve: Int
  /// What it takes for as many sessions as there may be connections.
  public let needed: Int

  /// - Parameters:
  ///   - connections: the cap on connections.
  ///   - available: descriptors that the process may have; nil when that is not known.
  ///   - listeners: each is one, and holds one connection that it has accepted too early.
  ///   - threads: descriptors that threads beside the event loops need at a time.
  public init(connections: Int, available: Int?, listeners: Int, eventLoops: Int, threads: Int) {
    self.connections = connections
    self.reserve = Self.fixed + 2 * listeners + 4 * eventLoops + threads
    self.usable = max(2, (available ?? .max) - self.reserve)
    // Sessions leave to logins what is kept for them.
    self.needed = 2 * connections + DescriptorLedger.Limits(connections: 1).loginReserve + self.reserve
  }

  /// What the ledger counts by.
  public var limits: DescriptorLedger.Limits {
    DescriptorLedger.Limits(connections: self.connections, descriptors: self.usable)
  }

  /// Sessions with one socket each that there may be at a time.
  public var sessions: Int {
    let limits = self.limits
    return min(self.connections, (limits.descriptors - limits.loginReserve) / 2)
  }

  /// Whether the descriptors are too few for the cap on connections.
  public var isShort: Bool { self.sessions < self.connections }
}
