import NIOCore
import NIOPosix
import ProxySession

/// The options of our datagram sockets.
enum DatagramSocket {
  /// - Parameter memory: what the sockets of an event loop read into.
  static func bind(
    to address: SocketAddress, on eventLoop: any EventLoop, memory: LoopLocal<DatagramMemory>
  ) -> EventLoopFuture<any Channel> {
    let maximum = AssociationSession.maximumWaiting
    return DatagramBootstrap(group: eventLoop)
      .channelOption(.writeBufferWaterMark, value: .init(low: maximum / 2, high: maximum))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try memory.value(of: channel.eventLoop).serve(channel) }
      }
      .bind(to: address)
  }
}
