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
    /// The context protects the datagrams of an association. The channel only waits for its end.
    case associated
    /// A fault was found, or the channel is gone.
    case poisoned
  }

  private var inbound: EncapsulationInbound
  private var outbound: EncapsulationOutbound
  private var state: State = .protecting
  private var context: ChannelHandlerContext?

  private var hasInboundBacklog = false
  private var isBacklogScheduled = false
  private var isOutboundScheduled = false
  /// A read was asked for while messages waited: their plaintext is not what was meant.
  private var isReadHeldBack = false
  /// A read was asked for otherwise, and no plaintext has been delivered since.
  private var isReadAwaited = false
  /// It has been passed on, and nothing has come from the network since.
  private var isReadPassedOn = false
  private var isInputCloseHeldBack = false
  /// Our sending side is ended, and nothing has gone wrong since: the channel's end is then the end of the peer's stream.
  private var isOutputEnded = false

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

  /// Takes what came behind the level message, once, right after the handler has been added.
  ///
  /// - Parameter inputClosed: whether the peer has ended its stream behind it. That end is passed on when everything before
  ///   it is.
  public func receiveLeftover(_ bytes: ByteBuffer, inputClosed: Bool = false) {
    guard let context = self.context else { return }
    if bytes.readableBytes > 0 {
      self.inbound.append(bytes)
      self.openMessages(context)
    }
    guard inputClosed else { return }
    if self.hasInboundBacklog { self.isInputCloseHeldBack = true } else { self.endInput(context) }
  }

  /// Ends the stream: from here on the context protects the datagrams of a UDP association (RFC 1961 section 5), in the
  /// sequence that its messages on this channel have begun.
  ///
  /// What is flushed is sent first. Nothing can be written afterwards, and any octet that comes is a fault: no message
  /// has a meaning behind the reply, and a datagram's token must not be taken for one.
  ///
  /// - Throws: `unexpectedMessage` when more than the request has come already; `connectionClosed` after a fault;
  ///   `protectionFailed` for a context that cannot protect datagrams.
  public func beginDatagrams() throws(SOCKSError) -> DatagramProtection {
    if let context = self.context { self.wrapMessages(context, all: true) }
    guard self.state == .protecting else { throw SOCKSError(.connectionClosed, "the connection is not protected") }
    guard self.inbound.isAtBoundary else { throw Self.unexpected }
    let protection = try self.inbound.beginDatagrams()
    self.state = .associated
    self.failWrites(ChannelError.ioOnClosedChannel)
    return protection
  }

  private static let unexpected =
    SOCKSError(.unexpectedMessage, "a message came on the control connection of an association")

  public func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.state = .poisoned
    self.context = nil
    self.failWrites(ChannelError.ioOnClosedChannel)
  }

  // MARK: Inbound

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.state {
    case .protecting: self.inbound.append(self.unwrapInboundIn(data))
    case .associated: self.poison(Self.unexpected, context)
    case .poisoned: break
    }
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    self.isReadPassedOn = false
    guard !self.hasInboundBacklog else { return }
    self.openMessages(context)
  }

  public func read(context: ChannelHandlerContext) {
    if self.hasInboundBacklog { self.isReadHeldBack = true } else { self.passReadOn(context) }
  }

  private func passReadOn(_ context: ChannelHandlerContext) {
    self.isReadHeldBack = false
    self.isReadAwaited = true
    self.isReadPassedOn = true
    context.read()
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    if self.hasInboundBacklog { self.isInputCloseHeldBack = true } else { self.endInput(context) }
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.isOutputEnded = false
    context.fireErrorCaught(error)
  }

  public func channelInactive(context: ChannelHandlerContext) {
    // A channel whose sending side is ended has no half-close left: the peer's end arrives as the channel's.
    if self.isOutputEnded || self.isInputCloseHeldBack { self.endInputNow(context) }
    self.state = .poisoned
    self.failWrites(ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  private func openMessages(_ context: ChannelHandlerContext) {
    guard self.state == .protecting else { return }
    let plaintext = self.inbound.open(limit: Self.workPerTurn)
    // Set before anything is fired: whoever gets the plaintext may ask for more.
    self.hasInboundBacklog = plaintext.hasMore
    if !plaintext.parts.isEmpty { self.isReadAwaited = false }
    for part in plaintext.parts { context.fireChannelRead(self.wrapInboundOut(part)) }
    if let failure = plaintext.failure {
      self.poison(failure, context)
      return
    }
    guard self.state == .protecting else { return }
    context.fireChannelReadComplete()
    guard plaintext.hasMore else {
      self.endBacklog(context)
      return
    }
    guard !self.isBacklogScheduled else { return }
    self.isBacklogScheduled = true
    context.eventLoop.assumeIsolated().execute {
      self.isBacklogScheduled = false
      guard let context = self.context, self.hasInboundBacklog else { return }
      self.openMessages(context)
    }
  }

  private func endBacklog(_ context: ChannelHandlerContext) {
    // A token that is not whole yet is nothing to those above: the read that they asked for goes on.
    if self.isReadHeldBack || self.isReadAwaited && !self.isReadPassedOn { self.passReadOn(context) }
    if self.isInputCloseHeldBack {
      self.isInputCloseHeldBack = false
      self.endInput(context)
    }
  }

  /// The peer's stream has ended. Between messages that is an end; inside one it is a truncation.
  private func endInput(_ context: ChannelHandlerContext) {
    if self.state == .associated { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
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

  /// The same, with no later turn of the loop to open what waits.
  private func endInputNow(_ context: ChannelHandlerContext) {
    self.isInputCloseHeldBack = false
    repeat { self.openMessages(context) } while self.hasInboundBacklog && self.state == .protecting
    self.endInput(context)
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
    if mode == .output { self.isOutputEnded = true }
    context.close(mode: mode, promise: promise)
  }

  private func wrapMessages(_ context: ChannelHandlerContext, all: Bool) {
    repeat {
      guard self.state == .protecting else { return }
      do throws(SOCKSError) {
        let batch = try self.outbound.wrap(limit: Self.workPerTurn, allocator: context.channel.allocator)
        if let batch { self.send(batch, context) }
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
    guard self.state != .poisoned else { return }
    self.state = .poisoned
    self.hasInboundBacklog = false
    self.failWrites(error)
    context.fireErrorCaught(error)
  }

  /// The state is final already, and nothing of ours is being changed: who is told may write or close at once.
  private func failWrites(_ error: any Error) {
    for promise in self.outbound.takePromises() { promise.fail(error) }
  }
}
