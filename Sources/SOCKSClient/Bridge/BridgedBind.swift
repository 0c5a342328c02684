import NIOCore
import SOCKSCore
import SOCKSNIO

/// BIND: the gateway listens, and the local program is told where; when the peer has come it is told by whom, and two
/// streams are relayed (RFC 1928 sections 4 and 6).
final class BridgedBind: BridgedRequest {
  private enum State {
    case ready
    case asking(ConnectionAttempt)
    /// The peer is awaited.
    case listening(ProxiedListener)
    /// The second reply is being written.
    case connected(ProxiedChannel)
    case ended
  }

  private let peer: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: BridgeSession
  /// Makes the first reply.
  private let announce: (SOCKSAddress) -> Void
  private var state: State = .ready

  init(_ destination: SOCKSAddress, of session: BridgeSession, announce: @escaping (SOCKSAddress) -> Void) {
    self.peer = destination
    self.session = session
    self.announce = announce
  }

  func begin(answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void) {
    let attempt = self.session.makeAttempt()
    self.state = .asking(attempt)
    self.session.connector.bind(expecting: self.peer, attempt: attempt).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let listener): self.listens(listener, answer)
      case .failure(let error): self.failed(error, answer)
      }
    }
  }

  private func listens(
    _ listener: ProxiedListener, _ answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void
  ) {
    // The local program may have gone.
    guard case .asking = self.state else { return listener.close() }
    self.state = .listening(listener)
    self.announce(listener.address)
    listener.connection.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let proxied):
        guard case .listening = self.state else { return proxied.channel.close(promise: nil) }
        self.state = .connected(proxied)
        answer(.success(proxied.boundAddress))
      case .failure(let error): self.failed(error, answer)
      }
    }
  }

  private func failed(_ error: any Error, _ answer: (Result<SOCKSAddress, ProxyConnectorError>) -> Void) {
    if case .ended = self.state { return }
    self.state = .ended
    answer(.failure(self.session.described(error)))
  }

  var awaitsGateway: Bool {
    switch self.state {
    case .ready, .asking, .listening: true
    case .connected, .ended: false
    }
  }

  func replied(_ start: ServerNegotiationHandover) {
    guard case .connected(let proxied) = self.state else { return start.context.close(promise: nil) }
    self.state = .ended
    self.session.relay(start, with: proxied)
  }

  func abandon() {
    let state = self.state
    self.state = .ended
    switch state {
    case .asking(let attempt): attempt.giveUp()
    case .listening(let listener): listener.close()
    case .connected(let proxied): proxied.channel.close(promise: nil)
    case .ready, .ended: break
    }
  }
}
