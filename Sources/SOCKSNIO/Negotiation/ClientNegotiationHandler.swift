public import NIOCore
public import SOCKSCore

/// Runs ``ClientNegotiation`` on a channel that is connected to a gateway.
///
/// The channel must have `autoRead` off. When the gateway has agreed, `completion` is called with its reply; octets that
/// came behind it are passed on when the handler is removed, once. On any failure the channel is closed.
///
/// For BIND the gateway replies twice: `announcement` is called with the first reply, `completion` with the second.
public final class ClientNegotiationHandler: ChannelInboundHandler, RemovableChannelHandler {
  public typealias InboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  /// What the gateway has granted.
  public struct Outcome: Sendable {
    public var reply: SOCKSReply
    /// Nil when the method has no protection.
    public var protection: AgreedProtection?
  }

  private enum State {
    case negotiating
    case succeeded
    case failed
  }

  private var negotiation: ClientNegotiation
  private let selective: SelectiveSealing.Policy
  private var establishment: (any ContextEstablishment)?
  private let timeout: TimeAmount
  private let acceptTimeout: TimeAmount
  private var announcement: ((Outcome) -> Void)?
  private var completion: ((Result<Outcome, SOCKSError>) -> Void)?

  private var state: State = .negotiating
  private var hasBegun = false
  private var buffer = ByteBuffer()
  private var isInputClosed = false
  private var isRunning = false
  private var protection: (any PerMessageProtection)?
  /// What has been agreed with the gateway so far, whatever it answers to the request.
  public private(set) var agreed: AgreedProtection?
  private var timer: Scheduled<Void>?
  private var context: ChannelHandlerContext?

  /// - Parameters:
  ///   - establishment: the initiator's context; nil when the method needs none.
  ///   - timeout: for the whole negotiation, the gateway's connection attempt included; for BIND up to the first reply.
  ///   - acceptTimeout: between BIND's two replies.
  ///   - announcement: called with BIND's first reply, on the event loop.
  ///   - completion: called once, on the event loop.
  public init(
    configuration: ClientNegotiation.Configuration, selective: SelectiveSealing.Policy,
    establishment: (any ContextEstablishment)?, timeout: TimeAmount, acceptTimeout: TimeAmount = .minutes(5),
    announcement: ((Outcome) -> Void)? = nil, completion: @escaping (Result<Outcome, SOCKSError>) -> Void
  ) {
    self.negotiation = ClientNegotiation(configuration: configuration)
    self.selective = selective
    self.establishment = establishment
    self.timeout = timeout
    self.acceptTimeout = acceptTimeout
    self.announcement = announcement
    self.completion = completion
  }

  // MARK: Channel events

  public func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { self.begin(context) }
  }

  public func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    self.begin(context)
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.finish(.failure(SOCKSError(.connectionClosed, "the connection was given up")))
    self.context = nil
  }

  public func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
    let leftover = self.buffer
    self.buffer = ByteBuffer()
    if leftover.readableBytes > 0 {
      context.fireChannelRead(NIOAny(leftover))
      context.fireChannelReadComplete()
    }
    if self.isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    context.leavePipeline(removalToken: removalToken)
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var octets = self.unwrapInboundIn(data)
    guard self.state != .failed else { return }
    if self.buffer.readableBytes == 0 { self.buffer = octets } else { self.buffer.writeBuffer(&octets) }
    self.proceed(context)
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    self.isInputClosed = true
    self.proceed(context)
  }

  public func channelInactive(context: ChannelHandlerContext) {
    self.interrupt(SOCKSError(.connectionClosed, "the gateway closed the connection"), context)
    context.fireChannelInactive()
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard self.state == .negotiating else { return context.fireErrorCaught(error) }
    self.interrupt(SOCKSError(transport: error), context)
  }

  // MARK: Running the machine

  private func begin(_ context: ChannelHandlerContext) {
    guard !self.hasBegun else { return }
    self.hasBegun = true
    self.setDeadline(self.timeout, context)
    self.event(context) { $0.connected() }
  }

  private func setDeadline(_ timeout: TimeAmount, _ context: ChannelHandlerContext) {
    self.timer?.cancel()
    self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
      guard let self, let context = self.context else { return }
      let awaited = self.negotiation.awaited
      self.interrupt(SOCKSError(.timedOut, "timed out waiting for \(awaited)"), context)
    }
  }

  private func proceed(_ context: ChannelHandlerContext) {
    guard self.state == .negotiating, !self.isRunning else { return }
    self.isRunning = true
    while self.run(self.negotiation.receivedOctets(&self.buffer), context) {}
    self.isRunning = false
  }

  private func event(_ context: ChannelHandlerContext, _ event: (inout ClientNegotiation) -> ClientNegotiation.Action) {
    guard self.state == .negotiating, !self.isRunning else { return }
    self.isRunning = true
    let goesOn = self.run(event(&self.negotiation), context)
    self.isRunning = false
    if goesOn { self.proceed(context) }
  }

  private func interrupt(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    guard self.isRunning else { return self.event(context) { $0.interrupted(error) } }
    // A write of ours has failed, in the middle of an action.
    guard self.state == .negotiating else { return }
    _ = self.negotiation.interrupted(error)
    self.fail(error, context)
  }

  /// Carries out one action; true when the machine should be asked again.
  private func run(_ action: ClientNegotiation.Action, _ context: ChannelHandlerContext) -> Bool {
    switch action {
    case .readMore:
      return self.readMore(context)
    case .wait, .discard:
      return false
    case .send(let message):
      context.writeAndFlush(self.wrapOutboundOut(message), promise: nil)
      return true
    case .stepContext(let token):
      self.step(token, context)
      return false
    case .wrapProtectionLevel(let octet):
      let result = self.protection?.wrapProtectionLevel(octet) ?? .failed(Self.noContext)
      return self.run(self.negotiation.protectionLevelWrapped(result), context)
    case .unwrapProtectionLevel(let token):
      let result = self.protection?.unwrapProtectionLevel(token) ?? .failed(Self.noContext)
      return self.run(self.negotiation.protectionLevelUnwrapped(result), context)
    case .protect(let agreed, let request):
      return self.protect(agreed, request: request, context)
    case .announce(let reply):
      self.setDeadline(self.acceptTimeout, context)
      let announcement = self.announcement
      self.announcement = nil
      announcement?(Outcome(reply: reply, protection: self.agreed))
      return self.state == .negotiating
    case .succeed(let reply):
      self.state = .succeeded
      self.finish(.success(Outcome(reply: reply, protection: self.agreed)))
      return false
    case .fail(let error):
      self.fail(error, context)
      return false
    }
  }

  private static let noContext = SOCKSError(.internalError, "there is no context")

  private func readMore(_ context: ChannelHandlerContext) -> Bool {
    guard self.isInputClosed else {
      context.read()
      return false
    }
    let error =
      self.buffer.readableBytes == 0
      ? SOCKSError(.connectionClosed, "the gateway closed the connection")
      : SOCKSError(.truncated, "the gateway ended the stream inside a message")
    return self.run(self.negotiation.interrupted(error), context)
  }

  private func step(_ token: ByteBuffer?, _ context: ChannelHandlerContext) {
    guard let establishment = self.establishment else { return self.fail(Self.noContext, context) }
    establishment.step(token) { [weak self] result, protection in
      guard let self else { return }
      if self.state == .negotiating { self.protection = protection }
      if let context = self.context { self.event(context) { $0.stepFinished(result) } }
    }
  }

  private func protect(_ agreed: AgreedProtection, request: ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
    guard let protection = self.protection else {
      self.fail(Self.noContext, context)
      return false
    }
    let encapsulation = EncapsulationHandler(protection: protection, agreed: agreed, selective: self.selective)
    do {
      try context.pipeline.syncOperations.addHandler(encapsulation, position: .before(self))
    } catch {
      self.fail(SOCKSError(transport: error), context)
      return false
    }
    self.protection = nil
    self.agreed = agreed
    let leftover = self.buffer
    self.buffer = ByteBuffer()
    // From here on a write passes through the layer below. The reply is answered by nothing but the request.
    context.writeAndFlush(self.wrapOutboundOut(request), promise: nil)
    // And so does the end of the stream, which comes back up behind all of it.
    let inputClosed = self.isInputClosed
    self.isInputClosed = false
    encapsulation.receiveLeftover(leftover, inputClosed: inputClosed)
    return self.state == .negotiating
  }

  // MARK: Endings

  private func fail(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    self.state = .failed
    self.buffer = ByteBuffer()
    self.finish(.failure(error))
    context.close(promise: nil)
  }

  private func finish(_ result: Result<Outcome, SOCKSError>) {
    self.timer?.cancel()
    self.timer = nil
    self.establishment = nil
    self.protection = nil
    self.announcement = nil
    let completion = self.completion
    self.completion = nil
    completion?(result)
  }
}
