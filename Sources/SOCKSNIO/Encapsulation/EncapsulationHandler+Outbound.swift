public import NIOCore
import SOCKSCore

/// The sending half: what is flushed is wrapped together, and sent with one write.
extension EncapsulationHandler {
  public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard self.flow.state == .protecting else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    self.outbound.write(self.unwrapOutboundIn(data), promise: promise)
  }

  public func flush(context: ChannelHandlerContext) {
    self.outbound.flush()
    switch self.flow.wrapping {
    case .atOnce: self.wrapMessages(context, all: false)
    case .scheduled: break
    }
  }

  public func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is StreamBegan else { return context.triggerUserOutboundEvent(event, promise: promise) }
    self.outbound.streamBegan()
    promise?.succeed()
  }

  public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    // What was flushed before the close is sent before it.
    if mode != .input, self.flow.state == .protecting { self.wrapMessages(context, all: true) }
    if mode == .output { self.flow.outputEnded() }
    context.close(mode: mode, promise: promise)
  }

  func wrapMessages(_ context: ChannelHandlerContext, all: Bool) {
    repeat {
      guard self.flow.state == .protecting else { return }
      do throws(SOCKSError) {
        let batch = try self.outbound.wrap(limit: Self.workPerTurn, allocator: context.channel.allocator)
        if let batch { self.send(batch, context) }
      } catch {
        self.poison(error, context)
        return
      }
    } while all && self.outbound.hasFlushed
    guard self.outbound.hasFlushed else { return }
    self.flow.scheduledWrapping()
    context.eventLoop.assumeIsolated().execute {
      self.flow.wrappingTurnBegan()
      guard let context = self.context else { return }
      self.wrapMessages(context, all: false)
    }
  }

  private func send(_ batch: EncapsulationOutbound.Batch, _ context: ChannelHandlerContext) {
    guard let first = batch.promises.first else {
      context.writeAndFlush(self.wrapOutboundOut(batch.frames), promise: nil)
      return
    }
    for other in batch.promises.dropFirst() { first.futureResult.cascade(to: other) }
    context.writeAndFlush(self.wrapOutboundOut(batch.frames), promise: first)
  }
}
