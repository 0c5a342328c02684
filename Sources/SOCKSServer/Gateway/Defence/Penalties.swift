import NIOCore
import SOCKSCore
import Synchronization

/// What a client did wrong before it was authenticated.
enum FailureKind: Hashable, Sendable, CaseIterable {
  case authentication
  case password
  case violation
  case timeout
  case abandoned
}

/// The penalties of a gateway, for all its event loops.
final class Penalties: Sendable {
  private let configuration: Configuration.Penalties
  private let ipv6Prefix: Int
  private let now: @Sendable () -> NIODeadline
  private let random: @Sendable (Int) -> Int
  private let table: Mutex<PenaltyTable>

  init(
    _ configuration: Configuration, now: @escaping @Sendable () -> NIODeadline, random: @escaping @Sendable (Int) -> Int
  ) {
    self.configuration = configuration.penalties
    self.ipv6Prefix = configuration.limits.ipv6Prefix
    self.now = now
    self.random = random
    self.table = Mutex(
      PenaltyTable(
        minimum: TimeAmount(configuration.penalties.minimum), maximum: TimeAmount(configuration.penalties.maximum),
        capacity: configuration.penalties.addresses))
  }

  /// A client at this address has failed before it was authenticated.
  func record(_ kind: FailureKind, of address: IPAddress) {
    guard !self.isExempt(address) else { return }
    let (now, network) = (self.now(), SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix))
    self.table.withLock { $0.record(self.penalty(for: kind), of: network, now: now, random: self.random) }
  }

  /// Whether connections from this address are closed at once.
  func isShutOut(_ address: IPAddress) -> Bool {
    guard !self.isExempt(address) else { return false }
    let (now, network) = (self.now(), SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix))
    return self.table.withLock { $0.isShutOut(network, now: now) }
  }

  private func isExempt(_ address: IPAddress) -> Bool {
    self.configuration.exempt.contains { $0.contains(address) }
  }

  private func penalty(for kind: FailureKind) -> TimeAmount {
    switch kind {
    case .authentication: TimeAmount(self.configuration.authentication)
    case .password: TimeAmount(self.configuration.password)
    case .violation: TimeAmount(self.configuration.violation)
    case .timeout: TimeAmount(self.configuration.timeout)
    case .abandoned: TimeAmount(self.configuration.abandoned)
    }
  }
}

extension FailureKind {
  /// What an error before authentication says of the client; nil where it says nothing.
  init?(_ error: SOCKSError) {
    switch error.code {
    case .passwordRefused: self = .password
    case .deadlinePassed: self = .timeout
    case .connectionClosed, .truncated: self = .abandoned
    // This side's load, not the client's doing.
    case .tooBusy: return nil
    default:
      switch error.fault {
      case .securityLibrary, .refusedByPolicy: self = .authentication
      case .peerViolation: self = .violation
      case .peerIncompatible, .network: self = .abandoned
      case .localMisuse, .bug: return nil
      }
    }
  }
}
