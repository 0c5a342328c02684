import NIOCore

/// On a listening channel: counts what is accepted, and accepts no more while the gateway is full. Clients wait in the
/// system's queue meanwhile.
///
/// Each listener may have one accept under way, so with several of them the cap can be passed by their number less one.
final class AcceptLimitHandler: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel
  typealias OutboundIn = Never
  typealias OutboundOut = Never

  private let registry: SessionRegistry
  private var context: ChannelHandlerContext?
  private var isWaiting = false

  init(registry: SessionRegistry) { self.registry = registry }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func read(context: ChannelHandlerContext) {
    guard !self.isWaiting else { return }
    // The registry outlives the listener: it holds on to this handler, which then has no context any more.
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    let hasRoom = self.registry.hasRoom {
      eventLoop.execute { handler.value.roomMayBeThere() }
    }
    if hasRoom { context.read() } else { self.isWaiting = true }
  }

  /// Another listener may have been faster.
  private func roomMayBeThere() {
    self.isWaiting = false
    guard let context = self.context else { return }
    self.read(context: context)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let registry = self.registry
    registry.accepted()
    let child = self.unwrapInboundIn(data)
    let eventLoop = child.eventLoop
    // A turn later: the session's record is written then, and a gateway that waits for the last one may end.
    child.closeFuture.whenComplete { _ in eventLoop.execute { registry.closed() } }
    context.fireChannelRead(data)
  }
}
