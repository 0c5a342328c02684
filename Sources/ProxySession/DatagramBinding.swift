public import NIOCore
import NIOPosix

/// Opens UDP sockets.
public enum DatagramBinding {
  /// Opens a socket and binds it.
  ///
  /// NIO's bootstrap does not close a socket that it cannot initialize or bind, and nothing else closes it either. This
  /// does, so that a failure costs no descriptor, however often it is repeated.
  ///
  /// - Parameter initializer: called on the event loop, before the socket is bound. An error closes the socket.
  public static func bind(
    to address: SocketAddress, on eventLoop: any EventLoop,
    initializer: @escaping @Sendable (any Channel) throws -> Void
  ) -> EventLoopFuture<any Channel> {
    let made = NIOLoopBoundBox.makeEmptyBox(valueType: (any Channel).self, eventLoop: eventLoop)
    return DatagramBootstrap(group: eventLoop)
      .channelInitializer { channel in
        made.value = channel
        return channel.eventLoop.makeCompletedFuture { try initializer(channel) }
      }
      .bind(to: address)
      .flatMapErrorThrowing { error in
        made.value?.close(promise: nil)
        throw error
      }
  }
}
