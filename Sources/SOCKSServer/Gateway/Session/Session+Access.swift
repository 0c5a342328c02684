import NIOCore
import ProxySession
import SOCKSCore

/// What the rules are asked: of each request once what they have to do with it, and once which of its addresses it may
/// reach.
extension Session {
  /// What a client asks for; an end when the answer is known before anything is resolved.
  func access(_ command: AccessCommand, to destination: SOCKSAddress) -> Result<RequestedTarget, SessionEnd> {
    guard let identity = self.identity else {
      return .failure(
        SessionEnd(.refused(.init(code: .unreadablePrincipal, text: "the principal's name cannot be read"))))
    }
    guard case .address(let client)? = self.record.client?.host else {
      return .failure(SessionEnd(.connectionClosed, "the client had gone before it was looked at"))
    }
    var request = AccessRequest(
      command: command, identity: identity, client: client, host: destination.host.converted, port: destination.port)
    switch request.host {
    case .malformed(let name): return .failure(SessionEnd(.malformedName, SOCKSError(name).detail))
    case .unconverted: return .failure(SessionEnd(AccessDecision(.malformedName)))
    case .name(let name):
      let name = RequestedName(name, search: self.services.searchDomains) {
        request.host = .name($0)
        return self.evaluate(request)
      }
      return self.access(to: name, command)
    case .address(let address):
      if command != .associate { self.judged(request.host) }
      let evaluation = self.evaluate(request)
      guard !request.isForAnyPeer else {
        return evaluation.refusal.map { .failure(SessionEnd($0)) } ?? .success(.anyPeer(evaluation))
      }
      switch self.route(evaluation, to: [address]) {
      case .granted(let route): return .success(.address(route))
      case .refused(let decision): return .failure(SessionEnd(decision))
      }
    }
  }

  private func access(to name: RequestedName, _ command: AccessCommand) -> Result<RequestedTarget, SessionEnd> {
    // Who may not have it causes no query.
    guard let (candidate, decision) = name.certainRefusal else { return .success(.name(name)) }
    if command != .associate { self.judged(candidate.host) }
    return .failure(SessionEnd(decision, hint: name.question.isLabelAlone ? name.question.labelHint : nil))
  }

  /// Where a target of CONNECT or BIND leads: at least one address. Its name is resolved once.
  ///
  /// Fails with a ``SessionEnd``.
  func route(to target: RequestedTarget, attempt: ConnectAttempt) -> EventLoopFuture<[GrantedAddress]> {
    let eventLoop = attempt.eventLoop
    switch target {
    case .address(let route):
      return eventLoop.makeCompletedFuture(Result { try self.follow(.granted(route)) })
    case .name(let name):
      return self.services.lookup.answer(name.question, attempt: attempt).assumeIsolated().flatMapErrorThrowing {
        error in
        guard let failure = error as? NameFailure else { throw error }
        // Where there is one candidate, no other can have been looked for.
        let index = failure.candidate ?? (name.candidates.count == 1 ? 0 : nil)
        if let index, name.candidates.indices.contains(index) { self.judged(name.candidates[index].host) }
        throw failure.end
      }.flatMapThrowing { answer in
        guard let (candidate, _) = name.candidate(in: answer) else { throw SessionEnd(.bug) }
        self.judged(candidate.host)
        return try self.follow(self.route(of: name, answer))
      }.nonisolated()
    case .anyPeer: return eventLoop.makeFailedFuture(SessionEnd(.bug))
    }
  }

  /// Until an address is reached, the session goes by the first grant.
  private func follow(_ route: Route) throws(SessionEnd) -> [GrantedAddress] {
    switch route {
    case .granted(let route):
      if let first = route.first { self.granted(first.grant) }
      return route
    case .refused(let decision): throw SessionEnd(decision)
    }
  }

  /// Where a name leads that has been resolved.
  func route(of name: RequestedName, _ answer: NameAnswer) -> Route {
    guard let (candidate, addresses) = name.candidate(in: answer) else { return .refused(AccessDecision(.noRule)) }
    if let refusal = candidate.refusal { return .refused(refusal) }
    return self.route(candidate.evaluation, to: addresses)
  }

  /// Which addresses a request may reach, with the gateway's own sockets as they are now.
  func route(_ evaluation: AccessEvaluation, to addresses: [IPAddress]) -> Route {
    self.services.rulesAsked(.addresses(addresses))
    return evaluation.route(to: addresses, ownListeners: self.ownListeners(evaluation.request, addresses))
  }

  private func evaluate(_ request: AccessRequest) -> AccessEvaluation {
    self.services.rulesAsked(.request(request.command, request.host))
    return self.services.policy.evaluate(request)
  }

  private func ownListeners(_ request: AccessRequest, _ addresses: [IPAddress]) -> Set<ListenerEndpoint> {
    let sockets: [OwnSockets] =
      switch request.command {
      case .connect: [self.services.ownSockets]
      case .associate: [self.services.ownSockets, self.services.associations.ownSockets]
      // The peer comes to us: what is asked for is not where it leads.
      case .bind: []
      }
    var endpoints: Set<ListenerEndpoint> = []
    for sockets in sockets {
      for address in addresses { endpoints.formUnion(sockets.endpoints(reachedBy: address, port: request.port)) }
    }
    return endpoints
  }

  /// Of the hosts that the target may mean, the rules have been asked about this one.
  private func judged(_ host: SOCKSHost) {
    guard let asked = self.record.target?.host else { return }
    self.record.resolvedName = host.isSame(as: asked) ? nil : host
  }

  /// The session goes by this grant: the one place where a rule that allows it gets into the record.
  func granted(_ grant: Grant) { self.record.grant = grant }
}
