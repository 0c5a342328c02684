import NIOCore
import NIOPosix

/// The options of our datagram sockets.
enum DatagramSocket {
  /// No datagram is longer.
  private static let receiveBuffer = 65_536

  static func bind(to address: SocketAddress, on eventLoop: any EventLoop) -> EventLoopFuture<any Channel> {
    let maximum = AssociationSession.maximumWaiting
    return DatagramBootstrap(group: eventLoop)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.receiveBuffer))
      .channelOption(.writeBufferWaterMark, value: .init(low: maximum / 2, high: maximum))
      .bind(to: address)
  }
}
