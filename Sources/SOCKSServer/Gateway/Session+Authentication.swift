import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// How a client proves who it is, by whichever method.
extension Session {
  func negotiationSelected(_ method: SOCKSMethod) {
    self.record.method = method
  }

  func negotiationReceivedCredential() {
    self.record.hasSentCredential = true
    self.services.registry.receivedCredential(id: self.record.id)
  }

  func negotiationAgreed(_ agreed: AgreedProtection) {
    self.record.level = agreed.level
    self.record.compatibility = agreed.compatibility
    self.established(agreed.attributes)
  }

  func negotiationProtects(by engine: String) { self.record.engine = engine }

  func negotiationLeftUnprotected(_ session: UnprotectedSession) {
    self.record.compatibility = session.compatibility
    self.established(session.attributes)
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

  func negotiationReceivedPassword(
    _ request: UsernamePasswordRequest, completion: @escaping (PasswordOutcome) -> Void
  ) {
    let client: IPAddress? = if case .address(let address)? = self.record.client?.host { address } else { nil }
    guard let passwords = self.services.passwords else {
      // Never offered without a file; in the loop's next turn, as completions have to come.
      return self.channel.eventLoop.assumeIsolated().execute { completion(.notChecked) }
    }
    passwords.check(request, from: client, on: self.channel.eventLoop) { [weak self] verdict in
      // Before the machine ends, which knows only whether the password was looked at.
      if let self, let end = verdict.end { self.settle(end) }
      completion(verdict.outcome)
    }
  }

  func negotiationAuthenticated(username: [UInt8]?) {
    guard let username else {
      self.identity = .unauthenticated
      self.record.name = .unauthenticated
      return self.countAuthenticated()
    }
    // An empty name was refused with its password.
    self.services.trouble.passwordAccepted()
    self.identity = UserName(username).map(Identity.user)
    self.record.name = self.identity
    self.countAuthenticated()
  }
}
