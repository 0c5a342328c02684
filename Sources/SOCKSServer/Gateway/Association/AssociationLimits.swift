import NIOCore

/// What an association is held to: its principal's bandwidth, and the bandwidths and times of the rules that its datagrams
/// make use of. Belongs to the event loop of the control connection.
final class AssociationLimits {
  private let session: Session
  private let began: NIODeadline
  /// What no rule's bandwidth holds for.
  private let common: SessionThrottle?
  /// By rule, for the rules in use: never more than there are rules.
  private var throttles: [Int: SessionThrottle?] = [:]
  /// The shortest time of the rules in use.
  private var length: TimeAmount?

  /// The association begins: until a rule is in use, it has the time that the configuration gives it.
  init(_ session: Session) {
    self.session = session
    self.began = session.channel.eventLoop.now
    self.common = session.makeThrottle(under: nil)
    session.limitLength(to: session.length(under: nil))
  }

  /// What holds for datagrams under a grant, and for the answers to them.
  ///
  /// Its rule is in use from now on: where it gives less time than those before it, counted from the beginning, less time
  /// is left.
  ///
  /// - Parameter grant: nil for a datagram that no rule was asked for.
  func throttle(under grant: Grant?) -> SessionThrottle? {
    guard let grant else { return self.common }
    if let known = self.throttles[grant.rule.index] { return known }
    let throttle = grant.bandwidth == nil ? self.common : self.session.makeThrottle(under: grant)
    self.throttles[grant.rule.index] = .some(throttle)
    self.limitLength(to: self.session.length(under: grant))
    return throttle
  }

  private func limitLength(to length: TimeAmount) {
    if let shortest = self.length, shortest <= length { return }
    self.length = length
    self.session.limitLength(to: length - (self.session.channel.eventLoop.now - self.began))
  }
}
