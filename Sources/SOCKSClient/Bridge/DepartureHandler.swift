import NIOCore

/// Notices that the local program has gone while the bridge waits for the gateway. A program that has only ended its
/// stream looks the same on the wire; whether anybody is left at the other end the kernel knows.
final class DepartureHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let isWaiting: () -> Bool

  /// - Parameter isWaiting: whether nothing can be lost by closing now.
  init(isWaiting: @escaping () -> Bool) { self.isWaiting = isWaiting }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    context.fireUserInboundEventTriggered(event)
    guard case .some(.inputClosed) = event as? ChannelEvent, self.isWaiting(), context.channel.peerOwner == nil else {
      return
    }
    context.close(promise: nil)
  }
}
