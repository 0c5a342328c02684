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
  /// Of one owner; nil where there is only one, and it has no share.
  private let sessionsPerOwner: Int?

  /// - Parameters:
  ///   - connections: the cap on connections.
  ///   - available: descriptors that the process may have; nil when that is not known.
  ///   - listeners: each is one, and holds one connection that it has accepted too early.
  ///   - threads: descriptors that threads beside the event loops need at a time.
  ///   - sessionsPerOwner: the cap on the sessions of one owner; nil where there is only one, and it has no share.
  public init(
    connections: Int, available: Int?, listeners: Int, eventLoops: Int, threads: Int, sessionsPerOwner: Int? = nil
  ) {
    self.connections = connections
    self.sessionsPerOwner = sessionsPerOwner
    self.reserve = Self.fixed + 2 * listeners + 4 * eventLoops + threads
    self.usable = max(2, (available ?? .max) - self.reserve)
    // Sessions leave to logins, and owners to each other, what is kept for them.
    let limits = DescriptorLedger.Limits(connections: 1)
    let left = sessionsPerOwner.map { max(limits.newOwnerReserve, Self.left(by: min($0, connections))) } ?? 0
    self.needed = 2 * connections + left + limits.loginReserve + self.reserve
  }

  /// What the ledger counts by.
  public var limits: DescriptorLedger.Limits {
    DescriptorLedger.Limits(connections: self.connections, descriptors: self.usable)
  }

  /// Descriptors that must be free beside an owner's last session of so many.
  private static func left(by sessions: Int) -> Int {
    (2 * sessions + DescriptorLedger.Limits.share - 1) / DescriptorLedger.Limits.share
  }

  /// Sessions with one socket each that there may be at a time, as few as their owners may be.
  public var sessions: Int {
    let limits = self.limits
    let usable = limits.descriptors - limits.loginReserve
    guard let cap = self.sessionsPerOwner else { return min(self.connections, usable / 2) }
    // One owner alone stops at its share, or at its cap, and then others have what they may.
    let alone = DescriptorLedger.Limits.share * usable / (2 * (DescriptorLedger.Limits.share + 1))
    let shared = max(min(cap, alone), (usable - Self.left(by: min(cap, self.connections))) / 2)
    return min(self.connections, max(1, min(shared, (usable - limits.newOwnerReserve) / 2)))
  }

  /// Whether the descriptors are too few for the cap on connections.
  public var isShort: Bool { self.sessions < self.connections }
}
