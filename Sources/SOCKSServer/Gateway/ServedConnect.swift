import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// CONNECT (RFC 1928 section 4): a dial, and then a relay of two streams.
final class ServedConnect: ServedRequest {
  private enum State {
    case ready
    /// The answer is due when the dial has ended.
    case dialling(DialAttempt)
    /// The target is there; the success reply is being written.
    case connected(any Channel)
    case relaying(StreamRelaySession)
    case ended
  }

  private let destination: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: Session
  private var state: State = .ready

  init(_ destination: SOCKSAddress, of session: Session) {
    self.destination = destination
    self.session = session
  }

  var isRelaying: Bool {
    if case .relaying = self.state { true } else { false }
  }

  func begin(answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void) {
    switch self.session.access(.connect, to: self.destination) {
    case .failure(let end): answer(.failure(end))
    case .success(let target): self.dial(target, answer)
    }
  }

  private func dial(_ target: RequestedTarget, _ answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void) {
    let session = self.session
    guard var access = target.first else { return answer(.failure(SessionEnd(.bug))) }
    let attempt = DialAttempt(
      eventLoop: session.channel.eventLoop, identity: access.identity, descriptors: session.descriptors)
    self.state = .dialling(attempt)
    var hasAllowed = false
    let dial = session.services.dialler.dial(
      target, port: access.port, attempt: attempt,
      judged: { candidate in
        access = candidate.access
        session.judged(access, of: target)
        session.record.rule = candidate.refusal?.rule
      },
      decide: { address in
        let decision = session.decision(for: access, reaching: address)
        // Until one is reached: the rule of the first address, or of the first that may be dialled.
        if session.record.rule == nil || decision.isAllowed && !hasAllowed { session.record.rule = decision.rule }
        hasAllowed = hasAllowed || decision.isAllowed
        return decision
      })
    dial.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let target): self.dialled(target, access, answer)
      case .failure(let error): answer(.failure(SessionEnd(connecting: error)))
      }
    }
  }

  private func dialled(
    _ target: any Channel, _ access: AccessRequest, _ answer: (Result<SOCKSAddress, SessionEnd>) -> Void
  ) {
    guard case .dialling = self.state, self.session.channel.isActive else { return target.close(promise: nil) }
    guard target.isActive else {
      return answer(.failure(SessionEnd(.connectionClosed, by: .target, "the target closed the connection at once")))
    }
    self.state = .connected(target)
    self.session.record.peer = target.remoteAddress.flatMap(SOCKSAddress.init)
    if case .address(let address)? = self.session.record.peer?.host {
      self.session.record.rule = self.session.decision(for: access, reaching: address).rule
    }
    answer(.success(target.localAddress.flatMap(SOCKSAddress.init) ?? .unspecified))
  }

  func replied(_ start: ServerNegotiationHandover) {
    guard case .connected(let target) = self.state else { return self.session.channel.close(promise: nil) }
    let relay = self.session.makeRelay()
    self.state = .relaying(relay)
    self.session.begin(relay, start, with: target)
  }

  func end() {
    if case .relaying(let relay) = self.state { relay.end() }
  }

  func abandon() {
    switch self.state {
    case .dialling(let attempt):
      self.state = .ended
      attempt.giveUp()
    case .connected(let target):
      self.state = .ended
      target.close(promise: nil)
    case .ready, .relaying, .ended: break
    }
  }
}
