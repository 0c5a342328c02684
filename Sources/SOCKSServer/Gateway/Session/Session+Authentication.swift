import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// How a client proves who it is, by whichever method.
extension Session {
  func authenticated(_ client: AuthenticatedClient) {
    switch client {
    case .protected(let agreed, let engine):
      self.record.level = agreed.level
      self.record.compatibility = agreed.compatibility
      self.record.engine = engine
      self.established(agreed.attributes)
    case .unprotected(let session):
      self.record.compatibility = session.compatibility
      self.established(session.attributes)
    case .user(let name):
      // An empty name was refused with its password.
      self.services.trouble.passwordAccepted()
      self.identity = UserName(name).map(Identity.user)
      self.record.name = self.identity
      self.countAuthenticated()
    case .unauthenticated:
      self.identity = .unauthenticated
      self.record.name = .unauthenticated
      self.countAuthenticated()
    }
  }

  private func established(_ attributes: SecurityContextAttributes) {
    self.record.attributes = attributes
    self.services.trouble.contextEstablished()
    if attributes.services.contains(.anonymous) {
      self.identity = .anonymous
    } else {
      self.identity = Principal(attributes.initiatorName).map(Identity.init)
    }
    self.countAuthenticated()
    self.scheduleExpiry(attributes)
  }

  func check(_ request: UsernamePasswordRequest, _ answer: PasswordAnswer) {
    // Without a file the method is never offered.
    guard let passwords = self.services.passwords else { return answer.finish(.notChecked) }
    let client: IPAddress? = if case .address(let address)? = self.record.client?.host { address } else { nil }
    passwords.check(request, from: client, on: self.channel.eventLoop) { [weak self] verdict in
      // Before the machine ends, which knows only whether the password was looked at.
      if let self, let end = verdict.end { self.settle(end) }
      answer.finish(verdict.outcome)
    }
  }
}
