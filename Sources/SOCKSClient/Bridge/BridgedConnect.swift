import NIOCore
import SOCKSCore
import SOCKSNIO

/// CONNECT: a connection through the gateway, and then a relay of two streams.
final class BridgedConnect: BridgedRequest {
  private enum State {
    case ready
    case connecting(ConnectionAttempt)
    case connected(ProxiedChannel)
    case ended
  }

  private let target: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: BridgeSession
  private var state: State = .ready

  init(_ destination: SOCKSAddress, of session: BridgeSession) {
    self.target = destination
    self.session = session
  }

  func begin(answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void) {
    let attempt = self.session.makeAttempt()
    self.state = .connecting(attempt)
    self.session.connector.connect(to: self.target, attempt: attempt).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let proxied):
        // The local program may have gone.
        guard case .connecting = self.state else { return proxied.channel.close(promise: nil) }
        self.state = .connected(proxied)
        answer(.success(proxied.boundAddress))
      case .failure(let error):
        self.state = .ended
        answer(.failure(self.session.described(error)))
      }
    }
  }

  var awaitsGateway: Bool {
    switch self.state {
    case .ready, .connecting: true
    case .connected, .ended: false
    }
  }

  func replied(_ start: ServerNegotiationHandover) {
    guard case .connected(let proxied) = self.state else { return start.context.close(promise: nil) }
    self.state = .ended
    self.session.relay(start, with: proxied)
  }

  func abandon() {
    switch self.state {
    case .connecting(let attempt): attempt.giveUp()
    case .connected(let proxied): proxied.channel.close(promise: nil)
    case .ready, .ended: break
    }
    self.state = .ended
  }
}
