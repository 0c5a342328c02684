public import NIOCore
import SOCKSCore

/// One end of a ``StreamRelaySession``: passes its channel's events to the session.
///
/// Both channels must have `autoRead` off, allow remote half-closure, and run on the same event loop.
public final class StreamRelayHandler: ChannelInboundHandler {
  public typealias InboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  private let session: StreamRelaySession
  private let side: StreamRelay.Side

  init(session: StreamRelaySession, side: StreamRelay.Side) {
    self.session = session
    self.side = side
  }

  public func handlerAdded(context: ChannelHandlerContext) { self.session.attach(context, side: self.side) }

  public func handlerRemoved(context: ChannelHandlerContext) { self.session.detach(self.side) }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.session.received(self.unwrapInboundIn(data), from: self.side)
  }

  public func channelReadComplete(context: ChannelHandlerContext) { self.session.readCompleted(self.side) }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    self.session.receivedEnd(from: self.side)
  }

  public func channelInactive(context: ChannelHandlerContext) {
    self.session.closed(self.side)
    context.fireChannelInactive()
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.session.failed(self.side, SOCKSError(transport: error))
  }
}
