import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// What the negotiation reports, and what becomes of it.
extension Session {
  func negotiation(_ event: ServerNegotiationEvent) {
    switch event {
    case .selected(let method, let hasAlternatives):
      self.record.method = method
      self.record.hasAlternatives = hasAlternatives
    case .receivedCredential:
      self.record.hasSentCredential = true
      self.services.registry.receivedCredential(id: self.record.id)
    case .receivedPassword(let request, let answer): self.check(request, answer)
    case .authenticated(let client): self.authenticated(client)
    case .receivedRequest(let command, let destination, let answer): self.serve(command, destination, answer)
    case .succeeded(let handover): self.succeeded(handover)
    case .failed(let error, let phase): self.failed(error, phase)
    }
  }

  private func serve(_ command: ServedCommand, _ destination: SOCKSAddress, _ answer: RequestAnswer) {
    self.record.target = destination
    let served: any ServedRequest =
      switch command {
      case .connect: ServedConnect(destination, of: self)
      case .bind: ServedBind(destination, of: self, announce: { answer.announce($0) })
      case .associate: ServedAssociation(destination, of: self)
      }
    self.state = .serving(served)
    if let end = self.refusalByLimits() { return self.refuse(end, answer) }
    served.begin { result in
      switch result {
      case .success(let bound): answer.finish(SOCKSReply(code: .succeeded, bound: bound))
      case .failure(let end): self.refuse(end, answer)
      }
    }
  }

  private func refuse(_ end: SessionEnd, _ answer: RequestAnswer) {
    self.settle(end)
    answer.finish(SOCKSReply(code: end.replyCode))
  }

  /// Whether no target at all could be allowed to this client; what each one is, is not known yet.
  func refusal(of command: AccessCommand) -> SessionEnd? {
    guard let identity = self.identity, case .address(let client)? = self.record.client?.host,
      self.services.policy.mayAllow(command, to: identity, from: client)
    else {
      return SessionEnd(.refused(.init(code: .noRule, text: "no rule allows \(command.rawValue) to this client")))
    }
    return nil
  }

  private func succeeded(_ handover: ServerNegotiationHandover) {
    guard case .serving(let request) = self.state else { return self.channel.close(promise: nil) }
    request.replied(handover)
  }

  private func failed(_ error: SOCKSError, _ phase: ServerNegotiation.Phase) {
    self.record.serviceClaimed = error.serviceClaimed
    // Of a refused request the reason has been given already.
    self.settle(SessionEnd(error, from: .client, in: SessionPhase(phase)))
    self.abandonRequest()
  }
}
