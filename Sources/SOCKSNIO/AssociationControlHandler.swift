public import NIOCore
public import SOCKSCore

/// The last handler on the control connection of a UDP association: "A UDP association terminates when the TCP
/// connection that the UDP ASSOCIATE request arrived on terminates" (RFC 1928 section 6).
///
/// It waits for the end, whatever it is: the peer's stream, an error, or octets, which have no meaning behind the reply.
/// Then it closes the channel and says why, once.
public final class AssociationControlHandler: ChannelInboundHandler {
  public typealias InboundIn = ByteBuffer

  private var onEnd: ((SOCKSError) -> Void)?
  private var context: ChannelHandlerContext?

  /// - Parameter onEnd: called once, on the event loop.
  public init(onEnd: @escaping (SOCKSError) -> Void) { self.onEnd = onEnd }

  public func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    // The end is seen only by reading. This waits until the caller has added its handlers.
    context.eventLoop.assumeIsolated().execute { [weak self] in self?.context?.read() }
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.finish(Self.closed)
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard self.unwrapInboundIn(data).readableBytes > 0 else { return }
    self.end(SOCKSError(.unexpectedMessage, "a message came on the control connection of an association"), context)
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    if self.onEnd != nil { context.read() }
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    self.end(Self.closed, context)
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.end(SOCKSError(transport: error), context)
  }

  public func channelInactive(context: ChannelHandlerContext) {
    self.finish(Self.closed)
    context.fireChannelInactive()
  }

  private static let closed = SOCKSError(.connectionClosed, "the control connection was closed")

  private func end(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    self.finish(error)
    context.close(promise: nil)
  }

  private func finish(_ error: SOCKSError) {
    let onEnd = self.onEnd
    self.onEnd = nil
    onEnd?(error)
  }
}
