public import NIOCore

/// The options that every channel of a session has, client side and target side.
public enum RelayChannelOptions {
  /// Sets the options of a channel that has just been made.
  ///
  /// - Parameters:
  ///   - largestRead: octets of the largest receive buffer.
  ///   - keepalive: how a peer that has silently gone is found.
  public static func apply(
    to channel: any Channel, largestRead: Int = 1_024 * 1_024, keepalive: TCPKeepalive = TCPKeepalive()
  ) -> EventLoopFuture<Void> {
    guard let options = channel.syncOptions else { return channel.eventLoop.makeSucceededVoidFuture() }
    do {
      try options.setOption(.autoRead, value: false)
      try options.setOption(.allowRemoteHalfClosure, value: true)
      // One message per read, and buffers that are given away: see GrowingReceiveAllocator.
      try options.setOption(.maxMessagesPerRead, value: 1)
      try options.setOption(.recvAllocator, value: GrowingReceiveAllocator(maximum: largestRead))
      try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
      try keepalive.apply(to: options)
      return channel.eventLoop.makeSucceededVoidFuture()
    } catch {
      return channel.eventLoop.makeFailedFuture(error)
    }
  }
}
