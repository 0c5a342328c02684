import NIOCore

/// On a listening channel: counts what is accepted, and accepts no more while the gateway is full. Clients wait in the
/// system's queue meanwhile.
final class AcceptLimitHandler: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel
  typealias OutboundIn = Never
  typealias OutboundOut = Never

  private let registry: SessionRegistry

  init(registry: SessionRegistry) { self.registry = registry }

  func read(context: ChannelHandlerContext) {
    let channel = NIOLoopBound(context, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    let hasRoom = self.registry.hasRoom {
      eventLoop.execute { channel.value.read() }
    }
    if hasRoom { context.read() }
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
