import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// The limits that hold for a session once its client is known.
extension Session {
  /// The client is known: it counts among the authenticated, and for its principal.
  func countAuthenticated() {
    self.admission.authenticated()
    if self.identity != .unauthenticated { self.admission.hasProvedIdentity() }
    if let identity = self.identity {
      self.principalSession = self.services.accounts.open(identity, now: self.channel.eventLoop.now)
      self.exceedsPrincipalCap = self.principalSession == nil
    }
    // What will not be served needs no descriptor.
    if !self.exceedsPrincipalCap { self.services.registry.authenticated(id: self.record.id, owner: self.owner) }
  }

  /// Why the request is refused whatever it asks for. Once this is nil, the session is not evicted.
  func refusalByLimits() -> SessionEnd? {
    if self.exceedsPrincipalCap { return SessionEnd(.limit(.sessionsPerPrincipal)) }
    // Where none was left at the login, there may be one now.
    return self.services.registry.authenticated(id: self.record.id, owner: self.owner)
  }

  /// Whose descriptors the session's are. Who has proved nothing shares them with everybody in the same network.
  private var owner: DescriptorOwner? {
    switch self.identity {
    case .principal, .user: self.principalSession.map { .account($0.number) }
    case .anonymous, .unauthenticated, nil: self.admission.network.map { .network($0) }
    }
  }

  /// What holds to its bandwidths that part of a session which a grant is for, or which no rule was asked about; nil when
  /// nothing does.
  func makeThrottle(under grant: Grant?) -> SessionThrottle? {
    let bucket = grant.flatMap { self.services.ruleBuckets[$0.rule.index] }
    return SessionThrottle([self.principalSession?.bucket, bucket].compactMap { $0 })
  }

  /// The time that a grant, or the configuration, gives a session.
  func length(under grant: Grant?) -> TimeAmount {
    grant?.maximumDuration.map(TimeAmount.init) ?? self.services.sessionLength
  }

  /// From now on the session has so much time.
  func limitLength(to length: TimeAmount) {
    self.lengthTimer?.cancel()
    self.lengthTimer = self.timers.start(in: length) { [weak self] in
      self?.end(SessionEnd(.timeout(.session)))
    }
  }
}
