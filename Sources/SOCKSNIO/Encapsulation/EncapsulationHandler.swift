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

  var inbound: EncapsulationInbound
  var outbound: EncapsulationOutbound
  var flow = EncapsulationFlow()
  var context: ChannelHandlerContext?

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
    if inputClosed, self.flow.inputEnded() { self.endInput(context) }
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
    guard self.flow.state == .protecting else {
      throw SOCKSError(.connectionClosed, "the connection is not protected")
    }
    guard self.inbound.isAtBoundary else { throw Self.unexpected }
    let protection = try self.inbound.beginDatagrams()
    self.flow.associated()
    self.failWrites(ChannelError.ioOnClosedChannel)
    return protection
  }

  private static let unexpected =
    SOCKSError(.unexpectedMessage, "a message came on the control connection of an association")

  public func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.flow.poisoned()
    self.context = nil
    self.failWrites(ChannelError.ioOnClosedChannel)
  }

  // MARK: Inbound

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.flow.state {
    case .protecting: self.inbound.append(self.unwrapInboundIn(data))
    case .associated: self.poison(Self.unexpected, context)
    case .poisoned: break
    }
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    if self.flow.deliveredByNetwork() { self.openMessages(context) }
  }

  public func read(context: ChannelHandlerContext) {
    if self.flow.askedToRead() { context.read() }
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    if self.flow.inputEnded() { self.endInput(context) }
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.flow.errorCame()
    context.fireErrorCaught(error)
  }

  public func channelInactive(context: ChannelHandlerContext) {
    if self.flow.channelEnded() { self.endInputNow(context) }
    self.flow.poisoned()
    self.failWrites(ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  private func openMessages(_ context: ChannelHandlerContext) {
    guard self.flow.state == .protecting else { return }
    let plaintext = self.inbound.open(limit: Self.workPerTurn)
    // Before anything is fired: the receiver of the plaintext may ask for more.
    self.flow.unwrappedMessages(hasPlaintext: !plaintext.parts.isEmpty, hasMore: plaintext.hasMore)
    for part in plaintext.parts { context.fireChannelRead(self.wrapInboundOut(part)) }
    if let failure = plaintext.failure {
      self.poison(failure, context)
      return
    }
    guard self.flow.state == .protecting else { return }
    context.fireChannelReadComplete()
    switch self.flow.deliveredPlaintext() {
    case .wait: break
    case .scheduleTurn: self.scheduleTurn(context)
    case .goOn(let passesReadOn):
      if passesReadOn { context.read() }
      if self.flow.takeInputEnd() { self.endInput(context) }
    }
  }

  private func scheduleTurn(_ context: ChannelHandlerContext) {
    context.eventLoop.assumeIsolated().execute {
      guard self.flow.turnBegan(), let context = self.context else { return }
      self.openMessages(context)
    }
  }

  /// The peer's stream has ended. Between messages that is an end; inside one it is a truncation.
  private func endInput(_ context: ChannelHandlerContext) {
    switch self.flow.state {
    case .protecting: break
    case .associated: return context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    case .poisoned: return
    }
    // What came since the last "read complete" has not been looked at.
    self.openMessages(context)
    guard self.flow.state == .protecting, self.flow.inputEnded() else { return }
    if self.inbound.isAtBoundary {
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    } else {
      self.poison(SOCKSError(.truncated, "the peer ended the stream inside a token"), context)
    }
  }

  /// The same, with no later turn of the loop to open what waits.
  private func endInputNow(_ context: ChannelHandlerContext) {
    repeat { self.openMessages(context) } while self.flow.hasBacklog && self.flow.state == .protecting
    self.endInput(context)
  }

  // MARK: Faults

  func poison(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    guard self.flow.state != .poisoned else { return }
    self.flow.poisoned()
    self.failWrites(error)
    context.fireErrorCaught(error)
  }

  /// The state is final already, and nothing of ours is being changed: a caller that learns of it may write or close at once.
  private func failWrites(_ error: any Error) {
    for promise in self.outbound.takePromises() { promise.fail(error) }
  }
}
