public import NIOCore
public import SOCKSCore

/// The encapsulation of RFC 1961 section 5 as a transparent layer nearest the network, as TLS is: plaintext above,
/// `01 03 len token` below.
///
/// It is added when the level is agreed, and never leaves: "after a level is agreed no unprotected octet leaves". The
/// first fault in either direction poisons it: an error goes up the pipeline, and nothing passes any more.
///
/// One turn of the event loop does at most ``workPerTurn`` octets of cipher work in each direction; reads are held back
/// while messages wait.
public final class EncapsulationHandler: ChannelDuplexHandler {
  public typealias InboundIn = ByteBuffer
  public typealias InboundOut = ByteBuffer
  public typealias OutboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  /// Outbound event: the negotiation is over in this direction, what is written from here on is the stream. Only then
  /// may level 3 look for encryption in it.
  public struct StreamBegan: Sendable {
    public init() {}
  }

  /// Octets of tokens opened, and of plaintext wrapped, in one turn of the event loop.
  public static let workPerTurn = 256 * 1_024

  private enum State {
    case protecting
    /// A fault was found, or the channel is gone.
    case poisoned
  }

  private var inbound: EncapsulationInbound
  private var outbound: EncapsulationOutbound
  private var state: State = .protecting
  private var context: ChannelHandlerContext?

  private var hasInboundBacklog = false
  private var isOutboundScheduled = false
  private var isReadHeldBack = false
  private var isInputCloseHeldBack = false

  /// - Parameters:
  ///   - protection: the established context, handed over for good.
  ///   - agreed: the level, and the check that has seen the peer's level message.
  ///   - selective: what level 3 means on this side.
  public init(
    protection: any PerMessageProtection, agreed: AgreedProtection, selective: SelectiveSealing.Policy
  ) {
    self.inbound = EncapsulationInbound(protection: protection, check: agreed.incoming)
    self.outbound = EncapsulationOutbound(
      protection: protection, level: agreed.level, selective: SelectiveSealing(policy: selective))
  }

  /// Takes the octets that came behind the level message, once, right after the handler has been added.
  public func receiveLeftover(_ octets: ByteBuffer) {
    guard let context = self.context, octets.readableBytes > 0 else { return }
    self.inbound.append(octets)
    self.openMessages(context)
  }

  public func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.state = .poisoned
    self.context = nil
    self.outbound.failAll(ChannelError.ioOnClosedChannel)
  }

  // MARK: Inbound

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard self.state == .protecting else { return }
    self.inbound.append(self.unwrapInboundIn(data))
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    guard !self.hasInboundBacklog else { return }
    self.openMessages(context)
  }

  public func read(context: ChannelHandlerContext) {
    if self.hasInboundBacklog { self.isReadHeldBack = true } else { context.read() }
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    if self.hasInboundBacklog { self.isInputCloseHeldBack = true } else { self.endInput(context) }
  }

  public func channelInactive(context: ChannelHandlerContext) {
    // When our stream has ended before, the peer's end shows as this event alone: what came before it is still due (at
    // most what the kernel held), and it must not lie inside a message.
    while self.state == .protecting, self.hasInboundBacklog { self.openMessages(context) }
    if self.state == .protecting, !self.inbound.isAtBoundary {
      self.poison(SOCKSError(.truncated, "the peer ended the stream inside a token"), context)
    }
    self.state = .poisoned
    self.outbound.failAll(ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  private func openMessages(_ context: ChannelHandlerContext) {
    guard self.state == .protecting else { return }
    let plaintext = self.inbound.open(limit: Self.workPerTurn, allocator: context.channel.allocator)
    // Set before anything is fired: whoever gets the plaintext may ask for more.
    self.hasInboundBacklog = plaintext.hasMore
    if plaintext.octets.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(plaintext.octets)) }
    if let failure = plaintext.failure {
      self.poison(failure, context)
      return
    }
    context.fireChannelReadComplete()
    guard plaintext.hasMore else {
      self.endBacklog(context)
      return
    }
    context.eventLoop.assumeIsolated().execute {
      guard let context = self.context else { return }
      self.openMessages(context)
    }
  }

  private func endBacklog(_ context: ChannelHandlerContext) {
    if self.isReadHeldBack {
      self.isReadHeldBack = false
      context.read()
    }
    if self.isInputCloseHeldBack {
      self.isInputCloseHeldBack = false
      self.endInput(context)
    }
  }

  /// The peer's stream has ended. Between messages that is an end; inside one it is a truncation.
  private func endInput(_ context: ChannelHandlerContext) {
    guard self.state == .protecting else { return }
    // What came since the last "read complete" has not been looked at.
    self.openMessages(context)
    guard self.state == .protecting else { return }
    if self.hasInboundBacklog {
      self.isInputCloseHeldBack = true
    } else if self.inbound.isAtBoundary {
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    } else {
      self.poison(SOCKSError(.truncated, "the peer ended the stream inside a token"), context)
    }
  }

  // MARK: Outbound

  public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard self.state == .protecting else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    self.outbound.write(self.unwrapOutboundIn(data), promise: promise)
  }

  public func flush(context: ChannelHandlerContext) {
    self.outbound.flush()
    if !self.isOutboundScheduled { self.wrapMessages(context, all: false) }
  }

  public func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is StreamBegan else { return context.triggerUserOutboundEvent(event, promise: promise) }
    self.outbound.streamBegan()
    promise?.succeed()
  }

  public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    // What was flushed before the close is sent before it.
    if mode != .input, self.state == .protecting { self.wrapMessages(context, all: true) }
    context.close(mode: mode, promise: promise)
  }

  private func wrapMessages(_ context: ChannelHandlerContext, all: Bool) {
    repeat {
      guard self.state == .protecting else { return }
      do throws(SOCKSError) {
        guard let batch = try self.outbound.wrap(limit: Self.workPerTurn, allocator: context.channel.allocator) else {
          break
        }
        self.send(batch, context)
      } catch {
        self.poison(error, context)
        return
      }
    } while all && self.outbound.hasFlushed
    guard self.outbound.hasFlushed else { return }
    self.isOutboundScheduled = true
    context.eventLoop.assumeIsolated().execute {
      self.isOutboundScheduled = false
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

  private func poison(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    self.state = .poisoned
    self.hasInboundBacklog = false
    self.outbound.failAll(error)
    context.fireErrorCaught(error)
  }
}
