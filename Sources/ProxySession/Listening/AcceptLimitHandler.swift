public import NIOCore

/// On a listening channel: counts what is accepted, and accepts no more while there is no capacity. Clients wait in the
/// system's queue meanwhile.
///
/// Several listeners may each have an accept under way for the last place: the connection that comes later is kept, not yet
/// begun, until there is capacity.
public final class AcceptLimitHandler: ChannelDuplexHandler {
  public typealias InboundIn = any Channel
  public typealias InboundOut = any Channel
  public typealias OutboundIn = Never
  public typealias OutboundOut = Never

  private let ledger: DescriptorLedger
  private var context: ChannelHandlerContext?
  private var isWaiting = false
  /// Accepted, without capacity.
  private var pending: (any Channel)?

  public init(_ ledger: DescriptorLedger) { self.ledger = ledger }

  public func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    self.pending?.close(promise: nil)
    self.pending = nil
  }

  public func read(context: ChannelHandlerContext) {
    guard self.pending == nil, self.mayAccept(context) else { return }
    context.read()
  }

  /// True when there is capacity; else waits for it.
  private func mayAccept(_ context: ChannelHandlerContext) -> Bool {
    guard !self.isWaiting else { return false }
    // The ledger outlives the listener: it holds on to this handler, which then has no context any more.
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    let mayAccept = self.ledger.mayAccept { eventLoop.execute { handler.value.capacityAppeared() } }
    self.isWaiting = !mayAccept
    return mayAccept
  }

  /// Another listener may have been faster.
  private func capacityAppeared() {
    self.isWaiting = false
    guard let context = self.context else { return }
    if let child = self.pending {
      self.pending = nil
      self.accepted(child, context)
    }
    self.read(context: context)
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.accepted(self.unwrapInboundIn(data), context)
  }

  private func accepted(_ child: any Channel, _ context: ChannelHandlerContext) {
    let ledger = self.ledger
    guard ledger.takeConnection() else {
      self.pending = child
      // There may be some by now: in a turn of its own, for it may be gone again.
      guard self.mayAccept(context) else { return }
      self.isWaiting = true
      return context.eventLoop.assumeIsolated().execute { self.capacityAppeared() }
    }
    let eventLoop = child.eventLoop
    // A turn later: the session's record is written then, and a gateway that waits for the last one may end.
    child.closeFuture.whenComplete { _ in eventLoop.execute { ledger.connectionClosed() } }
    context.fireChannelRead(self.wrapInboundOut(child))
  }
}
