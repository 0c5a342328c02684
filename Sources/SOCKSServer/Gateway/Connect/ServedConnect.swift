import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// CONNECT (RFC 1928 section 4): a connection, and then a relay of two streams.
final class ServedConnect: ServedRequest {
  private enum State {
    case ready
    /// The answer is due when the attempt has ended.
    case connecting(ConnectAttempt)
    /// The target is there; the success reply is being written.
    case connected(TargetConnection)
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
    case .success(let target): self.connect(target, answer)
    }
  }

  private func connect(_ target: RequestedTarget, _ answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void) {
    let session = self.session
    let attempt = ConnectAttempt(
      eventLoop: session.channel.eventLoop, identity: session.identity, descriptors: session.descriptors)
    self.state = .connecting(attempt)
    let port = self.destination.port
    let connection = session.route(to: target, attempt: attempt).assumeIsolated()
      .flatMap { session.services.connector.connect(to: $0, port: port, attempt: attempt) }
    connection.whenComplete { result in
      switch result {
      case .success(let connection): self.connected(connection, answer)
      case .failure(let error): answer(.failure(SessionEnd(connecting: error)))
      }
    }
  }

  private func connected(_ connection: TargetConnection, _ answer: (Result<SOCKSAddress, SessionEnd>) -> Void) {
    let target = connection.channel
    guard case .connecting = self.state, self.session.channel.isActive else { return target.close(promise: nil) }
    guard target.isActive else {
      return answer(.failure(SessionEnd(.connectionClosed, by: .target, "the target closed the connection at once")))
    }
    self.state = .connected(connection)
    self.session.granted(connection.grant)
    self.session.record.peer = target.remoteAddress.flatMap(SOCKSAddress.init)
    answer(.success(target.localAddress.flatMap(SOCKSAddress.init) ?? .unspecified))
  }

  func replied(_ start: ServerNegotiationHandover) {
    guard case .connected(let connection) = self.state else { return self.session.channel.close(promise: nil) }
    let relay = self.session.makeRelay(under: connection.grant)
    self.state = .relaying(relay)
    self.session.begin(relay, start, with: connection.channel)
  }

  func end() {
    if case .relaying(let relay) = self.state { relay.end() }
  }

  func abandon() {
    switch self.state {
    case .connecting(let attempt):
      self.state = .ended
      attempt.giveUp()
    case .connected(let connection):
      self.state = .ended
      connection.channel.close(promise: nil)
    case .ready, .relaying, .ended: break
    }
  }
}
