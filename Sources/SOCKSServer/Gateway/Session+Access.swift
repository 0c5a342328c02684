import ProxySession
import SOCKSCore

extension Session {
  /// What the rules are asked; an end when the answer is known before anything is resolved.
  func access(_ command: AccessCommand, to destination: SOCKSAddress) -> Result<AccessRequest, SessionEnd> {
    guard let identity = self.identity else {
      return .failure(
        SessionEnd(.refused(.init(code: .unreadablePrincipal, text: "the principal's name cannot be read"))))
    }
    guard case .address(let client)? = self.record.client?.host else {
      return .failure(SessionEnd(.connectionClosed, "the client had gone before it was looked at"))
    }
    let host: TargetHost
    var address: IPAddress?
    switch destination.host {
    case .address(let target): (host, address) = (.address(target), target)
    case .name(let name): host = TargetHost(domainName: name.text)
    }
    let access = AccessRequest(
      command: command, identity: identity, client: client, host: host, port: destination.port)
    // Who may not have it causes no query.
    let policy = self.policy(for: access, reaching: address)
    if case .refused(let decision) = policy.preliminaryDecision(for: access) {
      self.record.rule = decision.rule
      return .failure(SessionEnd(decision))
    }
    return .success(access)
  }

  /// What the rules say to an address that a request leads to, with the gateway's own sockets as they are now.
  func decision(for access: AccessRequest, reaching address: IPAddress) -> AccessDecision {
    self.policy(for: access, reaching: address).decision(for: access, reaching: address)
  }

  private func policy(for access: AccessRequest, reaching address: IPAddress?) -> AccessPolicy {
    var policy = self.services.policy
    // The peer of a BIND comes to us: what is asked for is not where it leads.
    guard access.command != .bind, let address else { return policy }
    policy.ownListeners = self.services.ownSockets.endpoints(reachedBy: address, port: access.port)
    if access.command == .associate {
      let sockets = self.services.associations.ownSockets
      policy.ownListeners.formUnion(sockets.endpoints(reachedBy: address, port: access.port))
    }
    return policy
  }
}
