import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO

/// A web page for the demo: whatever is asked, the answer is the same.
struct DemoOrigin: Sendable {
  /// What an eavesdropper would like to read.
  static let secret = "This line was sealed by Kerberos on its way to you."
  /// Large enough to take several messages.
  static let body = String(repeating: Self.secret + "\n", count: 4_000)

  let address: SOCKSAddress
  private let listener: any Channel

  static func listen() async throws -> DemoOrigin {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AnswerHandler()) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    guard let address = listener.localAddress.flatMap(SOCKSAddress.init) else { throw ChannelError.unknownLocalAddress }
    return DemoOrigin(address: address, listener: listener)
  }

  func stop() async { try? await self.listener.close() }

  /// Answers at the end of a request's head, and closes: HTTP/1.0 as far as a demo needs it.
  private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let maximumHead = 16 * 1_024
    private var head: [UInt8] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      self.head += self.unwrapInboundIn(data).readableBytesView.prefix(Self.maximumHead)
      guard self.head.count <= Self.maximumHead else { return context.close(promise: nil) }
      guard String(decoding: self.head, as: UTF8.self).contains("\r\n\r\n") else { return }
      let body = DemoOrigin.body
      let answer =
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
      let channel = context.channel
      context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
        channel.close(promise: nil)
      }
    }
  }
}
