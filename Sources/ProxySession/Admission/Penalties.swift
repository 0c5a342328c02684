public import NIOCore
public import SOCKSCore
import Synchronization

/// The penalties of a program, for all its event loops.
public final class Penalties: Sendable {
  /// What failures cost, and whom.
  public struct Settings: Sendable {
    /// The time that one failure of a kind costs.
    public var times: @Sendable (FailureKind) -> TimeAmount
    /// What an account must hold for its address to be blocked.
    public var minimum: TimeAmount
    /// The most that an account holds.
    public var maximum: TimeAmount
    /// Accounts that are kept.
    public var addresses: Int
    public var isExempt: @Sendable (IPAddress) -> Bool

    public init(
      times: @escaping @Sendable (FailureKind) -> TimeAmount, minimum: TimeAmount, maximum: TimeAmount,
      addresses: Int, isExempt: @escaping @Sendable (IPAddress) -> Bool
    ) {
      self.times = times
      self.minimum = minimum
      self.maximum = maximum
      self.addresses = addresses
      self.isExempt = isExempt
    }
  }

  private let settings: Settings
  private let ipv6Prefix: Int
  private let now: @Sendable () -> NIODeadline
  private let random: @Sendable (Int) -> Int
  private let table: Mutex<PenaltyTable>

  /// - Parameters:
  ///   - ipv6Prefix: the leading bits of an IPv6 address that stand for one client.
  ///   - random: a number below the one given.
  public init(
    _ settings: Settings, ipv6Prefix: Int, now: @escaping @Sendable () -> NIODeadline,
    random: @escaping @Sendable (Int) -> Int
  ) {
    self.settings = settings
    self.ipv6Prefix = ipv6Prefix
    self.now = now
    self.random = random
    self.table = Mutex(
      PenaltyTable(minimum: settings.minimum, maximum: settings.maximum, capacity: settings.addresses))
  }

  /// Addresses with an account.
  public var count: Int { self.table.withLock { $0.count } }

  /// A client at this address has failed before it was authenticated.
  public func record(_ kind: FailureKind, of address: IPAddress) {
    guard !self.settings.isExempt(address) else { return }
    let (now, network) = (self.now(), SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix))
    self.table.withLock { $0.record(self.settings.times(kind), of: network, now: now, random: self.random) }
  }

  /// Whether connections from this address are closed at once.
  public func isBlocked(_ address: IPAddress) -> Bool {
    guard !self.settings.isExempt(address) else { return false }
    let (now, network) = (self.now(), SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix))
    return self.table.withLock { $0.isBlocked(network, now: now) }
  }
}
