import NIOCore
import ProxySession
import SOCKSCore

/// When the ticket of a session ends: gateways may end the session then, and the protocol has no way to say why.
struct TicketEnd: Hashable, Sendable {
  private let end: NIODeadline?
  /// How far the two clocks may be apart.
  private let tolerance: TimeAmount

  static let maximumTolerance: TimeAmount = .seconds(30)

  /// - Parameter now: when the context was established.
  init(_ protection: AgreedProtection?, now: NIODeadline) {
    let lifetime = protection?.attributes.lifetime.map { TimeAmount.seconds(Int64($0)) }
    self.end = lifetime.map { now + $0 }
    self.tolerance = min(Self.maximumTolerance, .nanoseconds((lifetime ?? .zero).nanoseconds / 10))
  }

  /// The end of a session, with the ticket as its cause where the gateway has closed it at that time.
  func explaining(_ end: SessionEnd, now: NIODeadline) -> SessionEnd {
    guard self.explains(end, now) else { return end }
    return SessionEnd(
      .ticketExpired, by: .target, in: end.phase, "the Kerberos ticket has expired, and the gateway ended the session")
  }

  private func explains(_ end: SessionEnd, _ now: NIODeadline) -> Bool {
    guard let expiry = self.end, now >= expiry - self.tolerance, end.party == .target else { return false }
    return end.cause == .connectionClosed
  }
}
