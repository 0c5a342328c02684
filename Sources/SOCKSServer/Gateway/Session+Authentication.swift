import NIOCore
import SOCKSCore
import SOCKSNIO

/// How a client proves who it is, by whichever method.
extension Session {
  func negotiationSelected(_ method: SOCKSMethod) {
    self.record.method = method
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
    if attributes.services.contains(.anonymous) {
      self.identity = .anonymous
    } else {
      self.identity = Principal(attributes.initiatorName).map(Identity.init)
    }
    self.countAuthenticated()
    self.scheduleExpiry(attributes)
  }

  func negotiationReceivedPassword(_ request: UsernamePasswordRequest, completion: @escaping (Bool) -> Void) {
    let client: IPAddress? = if case .address(let address)? = self.record.client?.host { address } else { nil }
    guard let passwords = self.services.passwords else {
      // Never offered without a file; in the loop's next turn, as completions have to come.
      return self.channel.eventLoop.assumeIsolated().execute { completion(false) }
    }
    passwords.check(request, from: client, on: self.channel.eventLoop) { [weak self] verdict in
      // The machine's own words would be the same for each verdict: to the client they are one.
      if let self, let error = verdict.error, self.record.error == nil { self.record.error = error }
      completion(verdict == .correct)
    }
  }

  func negotiationAuthenticated(username: [UInt8]?) {
    guard let username else {
      self.identity = .unauthenticated
      self.record.name = .unauthenticated
      return self.countAuthenticated()
    }
    // An empty name was refused with its password.
    self.identity = UserName(username).map(Identity.user)
    self.record.name = self.identity
    self.countAuthenticated()
  }
}
