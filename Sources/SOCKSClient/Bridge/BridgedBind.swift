import NIOCore
import SOCKSCore
import SOCKSNIO

/// BIND: the gateway listens, and the local program is told where; when the peer has come it is told by whom, and two
/// streams are relayed (RFC 1928 sections 4 and 6).
final class BridgedBind: BridgedRequest {
  private enum State {
    case ready
    case asking(ConnectionAttempt)
    /// The first reply is being written, or the peer is awaited.
    case listening(ProxiedListener)
    case ended
  }

  private let peer: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: BridgeSession
  private var state: State = .ready

  init(_ request: SOCKSRequest, of session: BridgeSession) {
    self.peer = request.destination
    self.session = session
  }

  func begin(answer: @escaping (Result<SOCKSAddress, ProxyConnectorError>) -> Void) {
    let attempt = self.session.makeAttempt()
    self.state = .asking(attempt)
    self.session.connector.bind(expecting: self.peer, attempt: attempt).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let listener):
        // The local program may have gone.
        guard case .asking = self.state else { return listener.close() }
        self.state = .listening(listener)
        answer(.success(listener.address))
      case .failure(let error):
        self.state = .ended
        answer(.failure(self.session.described(error)))
      }
    }
  }

  func replied(_ start: BridgedRequestStart) {
    guard case .listening(let listener) = self.state else { return start.context.close(promise: nil) }
    let waiting = WaitingStreamHandler(held: start.earlyData, isInputClosed: start.inputClosed)
    let pipeline = start.context.pipeline.syncOperations
    do {
      try pipeline.addHandler(waiting, position: .after(start.handler))
    } catch {
      listener.close()
      return start.context.close(promise: nil)
    }
    pipeline.removeHandler(start.handler, promise: nil)
    listener.connection.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let proxied): self.accepted(proxied, waiting)
      case .failure(let error): self.failed(error, waiting)
      }
    }
  }

  private func accepted(_ proxied: ProxiedChannel, _ waiting: WaitingStreamHandler) {
    guard case .listening = self.state, let context = waiting.context else {
      return proxied.channel.close(promise: nil)
    }
    self.state = .ended
    self.write(SOCKSReply(code: .succeeded, bound: proxied.boundAddress), context)
    let relay = self.session.makeRelay(with: proxied)
    let pipeline = context.pipeline.syncOperations
    do {
      try pipeline.addHandler(relay.handler(for: .client))
      try proxied.channel.pipeline.syncOperations.addHandler(relay.handler(for: .target))
    } catch {
      relay.end(SOCKSError(.connectionClosed, "the gateway closed the connection"))
      proxied.channel.close(promise: nil)
      return context.close(promise: nil)
    }
    let (held, isInputClosed) = waiting.takeOver()
    pipeline.removeHandler(waiting, promise: nil)
    relay.begin(earlyData: held, inputClosed: isInputClosed)
  }

  private func failed(_ error: any Error, _ waiting: WaitingStreamHandler) {
    guard case .listening = self.state, let context = waiting.context else { return }
    self.state = .ended
    let error = self.session.described(error)
    self.session.log(error)
    self.write(SOCKSReply(code: error.localReplyCode), context)
    waiting.linger()
  }

  private func write(_ reply: SOCKSReply, _ context: ChannelHandlerContext) {
    var octets = ByteBuffer()
    reply.encode(into: &octets)
    context.writeAndFlush(NIOAny(octets), promise: nil)
  }

  func abandon() {
    switch self.state {
    case .asking(let attempt): attempt.giveUp()
    case .listening(let listener): listener.close()
    case .ready, .ended: break
    }
    self.state = .ended
  }
}
