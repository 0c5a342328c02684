import ProxySession
import SOCKSCore

extension Session {
  /// What the rules are asked; an end when the answer is known before anything is resolved.
  func access(_ command: AccessCommand, to destination: SOCKSAddress) -> Result<RequestedTarget, SessionEnd> {
    guard let identity = self.identity else {
      return .failure(
        SessionEnd(.refused(.init(code: .unreadablePrincipal, text: "the principal's name cannot be read"))))
    }
    guard case .address(let client)? = self.record.client?.host else {
      return .failure(SessionEnd(.connectionClosed, "the client had gone before it was looked at"))
    }
    let host = destination.host.converted
    if case .malformed(let name) = host {
      return .failure(SessionEnd(.malformedName, SOCKSError(name).detail))
    }
    let target = RequestedTarget(
      asked: destination.host,
      AccessRequest(command: command, identity: identity, client: client, host: host, port: destination.port),
      search: self.services.searchDomains
    ) { access in
      let address: IPAddress? = if case .address(let address) = access.host { address } else { nil }
      let policy = self.policy(for: access, reaching: address)
      guard case .refused(let decision) = policy.preliminaryDecision(for: access) else { return nil }
      return decision
    }
    // Who may not have it causes no query.
    if let (candidate, decision) = target.certainRefusal {
      self.record.rule = decision.rule
      if command != .associate { self.judged(candidate.access, of: target) }
      let hint = target.question.flatMap { $0.isLabelAlone ? $0.labelHint : nil }
      return .failure(SessionEnd(decision, hint: hint))
    }
    return .success(target)
  }

  /// Of the names that a target may stand for, the rules have been asked about this one.
  func judged(_ access: AccessRequest, of target: RequestedTarget) {
    self.record.resolvedName = target.judgedHost(access)
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
