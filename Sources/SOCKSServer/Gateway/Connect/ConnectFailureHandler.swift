import NIOCore

/// On a connection to one of several addresses: tells the attempt how it failed. When all of them together have taken too
/// long, NIO says no more than that.
final class ConnectFailureHandler: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let attempt: ConnectAttempt

  init(_ attempt: ConnectAttempt) { self.attempt = attempt }

  func connect(context: ChannelHandlerContext, to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    let connected = promise ?? context.eventLoop.makePromise()
    connected.futureResult.assumeIsolated().whenComplete { result in
      switch result {
      case .success: context.pipeline.syncOperations.removeHandler(self, promise: nil)
      case .failure(let error): self.attempt.failed(error)
      }
    }
    context.connect(to: address, promise: connected)
  }
}
