import NIOCore
import ProxySession

/// The options of our datagram sockets.
enum DatagramSocket {
  /// - Parameter memory: what the sockets of an event loop read into.
  static func bind(
    to address: SocketAddress, on eventLoop: any EventLoop, memory: LoopLocal<DatagramMemory>
  ) -> EventLoopFuture<any Channel> {
    let maximum = AssociationSession.maximumWaiting
    return DatagramBinding.bind(to: address, on: eventLoop) { channel in
      try channel.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: maximum / 2, high: maximum))
      try memory.value(of: channel.eventLoop).serve(channel)
    }
  }
}
