import NIOCore

/// Notices that the local program has gone while the bridge waits for the gateway. A program that has only ended its
/// stream looks the same on the wire; whether anybody is left at the other end the kernel knows.
final class DepartureHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  /// How often the kernel is asked, once the program's stream has ended. It may say "somebody" for a moment longer.
  static let interval: TimeAmount = .milliseconds(500)

  private let isWaiting: () -> Bool
  private var context: ChannelHandlerContext?
  private var timer: Scheduled<Void>?

  /// - Parameter isWaiting: whether nothing can be lost by closing now.
  init(isWaiting: @escaping () -> Bool) { self.isWaiting = isWaiting }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.timer?.cancel()
    self.timer = nil
    self.context = nil
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    context.fireUserInboundEventTriggered(event)
    if case .some(.inputClosed) = event as? ChannelEvent { self.look() }
  }

  private func look() {
    guard let context = self.context, self.isWaiting() else { return }
    guard context.channel.peerOwner != nil else { return context.close(promise: nil) }
    self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [weak self] in self?.look() }
  }
}
