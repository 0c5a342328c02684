import NIOCore
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

  private let request: SOCKSRequest
  /// The session lets go of this when its connection has closed.
  private let session: Session
  private var state: State = .ready

  init(_ request: SOCKSRequest, of session: Session) {
    self.request = request
    self.session = session
  }

  var isRelaying: Bool {
    if case .relaying = self.state { true } else { false }
  }

  func begin(answer: @escaping (Result<SOCKSAddress, SOCKSError>) -> Void) {
    switch self.session.access(.connect, to: self.request.destination) {
    case .failure(let error): answer(.failure(error))
    case .success(let access): self.dial(access, answer)
    }
  }

  private func dial(_ access: AccessRequest, _ answer: @escaping (Result<SOCKSAddress, SOCKSError>) -> Void) {
    let session = self.session
    let attempt = DialAttempt(
      eventLoop: session.channel.eventLoop, identity: access.identity, descriptors: session.descriptors)
    self.state = .dialling(attempt)
    var hasAllowed = false
    let dial = session.services.dialler.dial(access.host, port: access.port, attempt: attempt) { address in
      let decision = session.decision(for: access, reaching: address)
      // Until one is reached: the rule of the first address, or of the first that may be dialled.
      if session.record.rule == nil || decision.isAllowed && !hasAllowed { session.record.rule = decision.rule }
      hasAllowed = hasAllowed || decision.isAllowed
      return decision
    }
    dial.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let target): self.dialled(target, access, answer)
      case .failure(let error):
        answer(.failure(SOCKSError(serving: error)))
      }
    }
  }

  private func dialled(
    _ target: any Channel, _ access: AccessRequest, _ answer: (Result<SOCKSAddress, SOCKSError>) -> Void
  ) {
    guard case .dialling = self.state, self.session.channel.isActive else { return target.close(promise: nil) }
    guard target.isActive else {
      return answer(.failure(SOCKSError(.targetFailed, "the target closed the connection at once")))
    }
    self.state = .connected(target)
    self.session.record.reached = target.remoteAddress.flatMap(SOCKSAddress.init)
    if case .address(let address)? = self.session.record.reached?.host {
      self.session.record.rule = self.session.decision(for: access, reaching: address).rule
    }
    answer(.success(target.localAddress.flatMap(SOCKSAddress.init) ?? .unspecified))
  }

  func replied(_ start: ServedRequestStart) {
    guard case .connected(let target) = self.state else { return self.session.channel.close(promise: nil) }
    let relay = self.session.makeRelay()
    self.state = .relaying(relay)
    relay.begin(start, with: target)
  }

  func end(_ error: SOCKSError) {
    if case .relaying(let relay) = self.state { relay.end(error) }
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
