import NIOCore
import SOCKSNIO

/// Holds the stream of a local program that waits for its BIND's second reply: nothing is asked for, and what comes all
/// the same is kept.
final class WaitingStreamHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  /// More than this comes only when the program has ended its stream, and the channel delivers all that the kernel held.
  static let maximumHeld = ServerNegotiationHandler.maximumBuffered
  /// How long a program has for reading a refusal before the connection is closed.
  static let lingering: TimeAmount = .seconds(2)

  private enum State {
    case waiting
    /// A refusal is written; what comes is thrown away.
    case lingering
    case handedOver
  }

  private(set) var context: ChannelHandlerContext?
  private var state: State = .waiting
  private var held: ByteBuffer
  private var isInputClosed: Bool
  private var timer: Scheduled<Void>?

  init(held: ByteBuffer, isInputClosed: Bool) {
    self.held = held
    self.isInputClosed = isInputClosed
  }

  /// What has come, for whoever takes this handler's place.
  func takeOver() -> (held: ByteBuffer, isInputClosed: Bool) {
    self.state = .handedOver
    defer { self.held = ByteBuffer() }
    return (self.held, self.isInputClosed)
  }

  /// Ends the sending side, and closes when the program has ended its own, or after a while.
  func linger() {
    guard case .waiting = self.state, let context = self.context else { return }
    guard !self.isInputClosed else { return context.close(promise: nil) }
    self.state = .lingering
    self.held = ByteBuffer()
    context.close(mode: .output, promise: nil)
    self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingering) { [weak self] in
      self?.context?.close(promise: nil)
    }
    context.read()
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.timer?.cancel()
    self.timer = nil
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.state {
    case .waiting:
      self.held.writeImmutableBuffer(self.unwrapInboundIn(data))
      if self.held.readableBytes > Self.maximumHeld { context.close(promise: nil) }
    case .lingering: break
    case .handedOver: context.fireChannelRead(data)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if case .lingering = self.state { context.read() }
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    self.isInputClosed = true
    switch self.state {
    case .waiting: break
    case .lingering: context.close(promise: nil)
    case .handedOver: context.fireUserInboundEventTriggered(event)
    }
  }
}
