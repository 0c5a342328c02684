import NIOCore
import SOCKSNIO

/// Sits between the negotiation and the user's handlers: nothing goes past it before the first read, so
/// that no octet is lost on handlers that are not there yet.
final class HandOverHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum State {
    case negotiating
    /// The negotiation is done, the user has not read yet.
    case awaitingRead
    case open
  }

  /// Removed when it has succeeded.
  var negotiation: ClientNegotiationHandler?

  private var state: State = .negotiating
  /// What came behind the reply: at most what one read brought.
  private var held = ByteBuffer()
  private var isInputClosed = false
  /// A fault behind the reply, for the user to hear of: what came before it is good.
  private var failure: (any Error)?
  private var context: ChannelHandlerContext?

  /// The gateway has agreed: what comes from here on is the target's.
  func takeOver() {
    guard let context = self.context, let negotiation = self.negotiation else { return }
    self.negotiation = nil
    self.state = .awaitingRead
    // Level 3 may look for encryption in what is written from here on.
    context.triggerUserOutboundEvent(EncapsulationHandler.StreamBegan(), promise: nil)
    context.pipeline.syncOperations.removeHandler(negotiation, promise: nil)
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.negotiation = nil
  }

  func read(context: ChannelHandlerContext) {
    guard self.state == .awaitingRead else { return context.read() }
    self.deliver(context)
    // Passed on in any case: a channel that reads by itself goes on only when this read ends.
    if self.failure == nil { context.read() }
  }

  private func deliver(_ context: ChannelHandlerContext) {
    self.state = .open
    let held = self.held
    self.held = ByteBuffer()
    if held.readableBytes > 0 {
      context.fireChannelRead(self.wrapInboundOut(held))
      context.fireChannelReadComplete()
    }
    if let failure = self.failure {
      self.end(failure, context)
    } else if self.isInputClosed {
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.state {
    case .open: context.fireChannelRead(data)
    case .negotiating, .awaitingRead: self.held.writeImmutableBuffer(self.unwrapInboundIn(data))
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if self.state == .open { context.fireChannelReadComplete() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if self.state != .open, case .some(.inputClosed) = event as? ChannelEvent {
      self.isInputClosed = true
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    if self.state == .awaitingRead { self.deliver(context) }
    context.fireChannelInactive()
  }

  /// The pipeline of a closed channel takes no handlers: before the first read the end waits, or the user would never
  /// learn why, and lose what came before the fault. Nothing passes the layer that found it meanwhile.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard self.state == .awaitingRead else { return self.end(error, context) }
    if self.failure == nil { self.failure = error }
  }

  /// A fault ends the connection, whether or not the user's handlers see to it.
  private func end(_ error: any Error, _ context: ChannelHandlerContext) {
    context.fireErrorCaught(error)
    context.close(promise: nil)
  }
}
