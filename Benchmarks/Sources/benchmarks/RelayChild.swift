import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO

/// The relay handlers alone: takes connections and relays them in clear to a target, all on one event loop.
enum RelayChild {
  static func run(port: Int, target: Int) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        RelayChannelOptions.apply(to: channel).flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(DiallingHandler(target: target))
        }
      }
      .bind(host: "127.0.0.1", port: port).get()
    try await listener.closeFuture.get()
  }

  /// Connects to the target when its own channel has begun, and leaves the two to the relay.
  private final class DiallingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let target: Int

    init(target: Int) { self.target = target }

    func channelActive(context: ChannelHandlerContext) {
      let channel = context.channel
      ClientBootstrap(group: channel.eventLoop)
        .channelInitializer { RelayChannelOptions.apply(to: $0) }
        .connect(host: "127.0.0.1", port: self.target)
        .assumeIsolated()
        .flatMapThrowing { target in
          let relay = StreamRelaySession(
            eventLoop: channel.eventLoop, limits: .init(highWaterMark: 1 << 20), onEnd: { _ in })
          try channel.pipeline.syncOperations.addHandler(relay.handler(for: .client))
          try target.pipeline.syncOperations.addHandler(relay.handler(for: .target))
          relay.begin(earlyData: ByteBuffer(), inputClosed: false)
        }
        .whenFailure { _ in channel.close(promise: nil) }
    }
  }
}
