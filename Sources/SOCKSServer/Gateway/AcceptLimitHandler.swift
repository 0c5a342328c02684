import NIOCore

/// On a listening channel: counts what is accepted, and accepts no more while the gateway is full. Clients wait in the
/// system's queue meanwhile.
///
/// Several listeners may each have an accept under way for the last place: whose connection comes later keeps it, not yet
/// begun, until there is room.
final class AcceptLimitHandler: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel
  typealias OutboundIn = Never
  typealias OutboundOut = Never

  private let registry: SessionRegistry
  private var context: ChannelHandlerContext?
  private var isWaiting = false
  /// Accepted, without room.
  private var pending: (any Channel)?

  init(registry: SessionRegistry) { self.registry = registry }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.pending?.close(promise: nil)
    self.pending = nil
  }

  func read(context: ChannelHandlerContext) {
    guard self.pending == nil, self.hasRoom(context) else { return }
    context.read()
  }

  /// True when there is room; else waits for it.
  private func hasRoom(_ context: ChannelHandlerContext) -> Bool {
    guard !self.isWaiting else { return false }
    // The registry outlives the listener: it holds on to this handler, which then has no context any more.
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    let hasRoom = self.registry.hasRoom {
      eventLoop.execute { handler.value.roomMayBeThere() }
    }
    self.isWaiting = !hasRoom
    return hasRoom
  }

  /// Another listener may have been faster.
  private func roomMayBeThere() {
    self.isWaiting = false
    guard let context = self.context else { return }
    if let child = self.pending {
      self.pending = nil
      self.accepted(child, context)
    }
    self.read(context: context)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.accepted(self.unwrapInboundIn(data), context)
  }

  private func accepted(_ child: any Channel, _ context: ChannelHandlerContext) {
    let registry = self.registry
    guard registry.takeRoom() else {
      self.pending = child
      // There may be room by now.
      if self.hasRoom(context) { self.roomMayBeThere() }
      return
    }
    let eventLoop = child.eventLoop
    // A turn later: the session's record is written then, and a gateway that waits for the last one may end.
    child.closeFuture.whenComplete { _ in eventLoop.execute { registry.closed() } }
    context.fireChannelRead(self.wrapInboundOut(child))
  }
}
