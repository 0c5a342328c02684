public import NIOCore
public import SOCKSCore

/// Runs ``ServerNegotiation`` on a channel: octets in, messages out, deadlines, and the ways to end.
///
/// The channel must have `autoRead` off and allow remote half-closure: reads are asked for when the machine wants
/// octets, so that nothing beyond one receive buffer is taken while a step is in flight.
public final class ServerNegotiationHandler: ChannelInboundHandler, RemovableChannelHandler {
  public typealias InboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  /// What may lie unread in front of a step in flight. More than this only comes when the peer has ended its stream, and
  /// the channel delivers all that the kernel held.
  public static let maximumBuffered = 1_024 * 1_024

  private enum State {
    case negotiating
    case lingering(LingeringClose)
    case done
  }

  private var negotiation: ServerNegotiation
  private let timeouts: NegotiationTimeouts
  private let selective: SelectiveSealing.Policy
  private let makeEstablishment: () -> any ContextEstablishment
  private weak var delegate: (any ServerNegotiationDelegate)?

  private var state: State = .negotiating
  private var buffer = ByteBuffer()
  private var isInputClosed = false
  /// True while actions are being run: what comes in between is only buffered.
  private var isRunning = false
  private var establishment: (any ContextEstablishment)?
  private var protection: (any PerMessageProtection)?
  private var username: [UInt8]?
  private var steps = StepClock()
  /// Where the negotiation was when the last event came: what a failure is reported with.
  private var phase: ServerNegotiation.Phase = .method
  private var timedPhase: ServerNegotiation.Phase?
  private var timers: CoarseTimers?
  private var timer: CoarseTimers.Timer?
  private var context: ChannelHandlerContext?

  /// - Parameters:
  ///   - timers: of the channel's event loop, for all connections together; nil for exact ones of its own.
  ///   - establishment: makes an acceptor's context, when a client chooses GSS-API.
  ///   - delegate: kept weakly; the connection's session.
  public init(
    configuration: ServerNegotiation.Configuration, timeouts: NegotiationTimeouts,
    selective: SelectiveSealing.Policy, timers: CoarseTimers? = nil,
    establishment: @escaping () -> any ContextEstablishment, delegate: any ServerNegotiationDelegate
  ) {
    self.negotiation = ServerNegotiation(configuration: configuration)
    self.timeouts = timeouts
    self.selective = selective
    self.timers = timers
    self.makeEstablishment = establishment
    self.delegate = delegate
  }

  /// How far the negotiation has come.
  public var currentPhase: ServerNegotiation.Phase { self.negotiation.phase }

  // MARK: Channel events

  public func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.timers = self.timers ?? CoarseTimers(eventLoop: context.eventLoop, isExact: true)
    if context.channel.isActive { self.begin(context) }
  }

  public func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    self.begin(context)
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.end()
    self.context = nil
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var octets = self.unwrapInboundIn(data)
    switch self.state {
    case .negotiating:
      if self.buffer.readableBytes == 0 { self.buffer = octets } else { self.buffer.writeBuffer(&octets) }
      guard self.buffer.readableBytes <= Self.maximumBuffered else {
        return self.interrupt(SOCKSError(.unexpectedMessage, "too much early data"), context)
      }
      self.proceed(context)
    case .lingering(var lingering):
      let enough = lingering.discard(octets.readableBytes)
      self.state = .lingering(lingering)
      if enough { self.close(context) }
    case .done:
      break
    }
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    if case .lingering = self.state { context.read() }
    context.fireChannelReadComplete()
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    self.isInputClosed = true
    switch self.state {
    case .negotiating:
      // A client may end its stream behind the request and its early data; before that it has gone away. So it has
      // while BIND listens: nothing else tells of a client that will not come back.
      switch self.negotiation.phase {
      case .serving, .relaying, .ended: break
      case .method, .authentication, .level, .request, .listening: self.proceed(context)
      }
    case .lingering:
      self.close(context)
    case .done:
      break
    }
  }

  public func channelInactive(context: ChannelHandlerContext) {
    self.giveUp(self.departure(context), context)
    self.end()
    context.fireChannelInactive()
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard case .negotiating = self.state else { return self.close(context) }
    // From the encapsulation layer below: not one more octet may be sent, so there is no answer.
    self.giveUp(SOCKSError(transport: error), context)
  }

  // MARK: Running the machine

  private func begin(_ context: ChannelHandlerContext) {
    guard case .negotiating = self.state, self.timedPhase == nil else { return }
    self.updateTimer(context)
    context.read()
  }

  /// Gives the machine what has come until it wants more, or waits.
  private func proceed(_ context: ChannelHandlerContext) {
    guard case .negotiating = self.state, !self.isRunning else { return }
    self.isRunning = true
    repeat {
      self.phase = self.negotiation.phase
    } while self.run(
      self.negotiation.receivedOctets(&self.buffer), context)
    self.isRunning = false
    self.updateTimer(context)
  }

  /// An event that is not octets, and all that follows from it.
  private func event(
    _ context: ChannelHandlerContext, _ event: @escaping (inout ServerNegotiation) -> ServerNegotiation.Action
  ) {
    guard case .negotiating = self.state else { return }
    guard !self.isRunning else {
      // Completions come after the call that they answer. One that does not must not be lost: nothing else would end
      // the wait.
      return context.eventLoop.assumeIsolated().execute { [weak self] in
        guard let self, let context = self.context else { return }
        self.event(context, event)
      }
    }
    self.isRunning = true
    self.phase = self.negotiation.phase
    let goesOn = self.run(event(&self.negotiation), context)
    self.isRunning = false
    if goesOn { self.proceed(context) } else { self.updateTimer(context) }
  }

  /// Carries out one action; true when the machine should be asked again.
  private func run(_ action: ServerNegotiation.Action, _ context: ChannelHandlerContext) -> Bool {
    switch action {
    case .readMore:
      return self.readMore(context)
    case .wait, .discard:
      return false
    case .send(let message):
      context.writeAndFlush(self.wrapOutboundOut(message), promise: nil)
      if self.phase == .method, let method = self.negotiation.method {
        self.delegate?.negotiationSelected(method)
      }
      if self.negotiation.phase == .request, self.protection == nil {
        self.delegate?.negotiationAuthenticated(username: self.username)
      }
      return true
    case .stepContext(let token):
      self.step(token, context)
      return false
    case .unwrapProtectionLevel(let token):
      let result = self.protection?.unwrapProtectionLevel(token) ?? .failed(Self.noContext)
      return self.run(self.negotiation.protectionLevelUnwrapped(result), context)
    case .wrapProtectionLevel(let octet):
      let result = self.protection?.wrapProtectionLevel(octet) ?? .failed(Self.noContext)
      return self.run(self.negotiation.protectionLevelWrapped(result), context)
    case .protect(let agreed, let answer):
      return self.protect(agreed, answer: answer, context)
    case .leaveUnprotected(let session, let answer):
      if let answer { context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil) }
      self.protection = nil
      self.delegate?.negotiationLeftUnprotected(session)
      return true
    case .checkPassword(let request):
      self.checkPassword(request, context)
      return false
    case .serve(let request):
      self.serve(request, context)
      return false
    case .relay(let reply):
      self.handOver(reply, context)
      return false
    case .refuse(let answer, let error):
      self.refuse(answer, error, context)
      return false
    case .close(let error):
      self.fail(error, phase: self.phase, context)
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
      self.buffer.readableBytes == 0 || self.negotiation.phase == .listening
      ? self.departure(context)
      : SOCKSError(.truncated, "the client ended the stream inside a message")
    return self.run(self.negotiation.interrupted(error), context)
  }

  private func step(_ token: ByteBuffer, _ context: ChannelHandlerContext) {
    self.delegate?.negotiationReceivedCredential()
    self.steps.begin(now: context.eventLoop.now)
    let establishment = self.establishment ?? self.makeEstablishment()
    self.establishment = establishment
    establishment.step(token) { [weak self] step in
      // Without self the connection is gone, and the context with this step.
      guard let self, let context = self.context else { return }
      self.stepFinished(step, context)
    }
  }

  private func stepFinished(_ step: EstablishmentStep, _ context: ChannelHandlerContext) {
    self.steps.end(now: context.eventLoop.now)
    switch step {
    case .continueNeeded(let token):
      self.event(context) { $0.stepFinished(.continueNeeded(token: token)) }
    case .complete(let attributes, let token, let protection):
      self.establishment = nil
      if case .negotiating = self.state { self.protection = protection }
      self.event(context) { $0.stepFinished(.complete(attributes, token: token)) }
    case .failed(let error):
      self.establishment = nil
      self.event(context) { $0.stepFinished(.failed(error)) }
    }
  }

  private func protect(_ agreed: AgreedProtection, answer: ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
    guard let protection = self.protection else {
      self.fail(Self.noContext, phase: .level, context)
      return false
    }
    context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
    let encapsulation = EncapsulationHandler(protection: protection, agreed: agreed, selective: self.selective)
    do {
      try context.pipeline.syncOperations.addHandler(encapsulation, position: .before(self))
    } catch {
      self.fail(SOCKSError(transport: error), phase: .level, context)
      return false
    }
    self.delegate?.negotiationAgreed(agreed)
    self.delegate?.negotiationProtects(by: protection.engine)
    // What is left came behind the level message: it crosses into the layer below, once.
    let leftover = self.buffer
    self.buffer = ByteBuffer()
    // And so does the end of the stream, which comes back up behind all of it.
    let inputClosed = self.isInputClosed
    self.isInputClosed = false
    encapsulation.receiveLeftover(leftover, inputClosed: inputClosed)
    if case .negotiating = self.state { return true }
    return false
  }

  private func checkPassword(_ request: UsernamePasswordRequest, _ context: ChannelHandlerContext) {
    self.username = request.username
    guard let delegate = self.delegate else { return self.event(context) { $0.passwordChecked(.notChecked) } }
    delegate.negotiationReceivedCredential()
    self.steps.begin(now: context.eventLoop.now)
    delegate.negotiationReceivedPassword(request) { [weak self] outcome in
      guard let self, let context = self.context else { return }
      self.steps.end(now: context.eventLoop.now)
      self.event(context) { $0.passwordChecked(outcome) }
    }
  }

  private func serve(_ request: SOCKSRequest, _ context: ChannelHandlerContext) {
    self.delegate?.negotiationReceivedRequest(request) { [weak self] bound in
      guard let self, let context = self.context else { return }
      self.event(context) { $0.announced(bound) }
    } completion: { [weak self] reply in
      guard let self, let context = self.context else { return }
      self.event(context) { $0.requestFinished(reply) }
    }
  }

  private func handOver(_ reply: ByteBuffer, _ context: ChannelHandlerContext) {
    context.writeAndFlush(self.wrapOutboundOut(reply), promise: nil)
    // A reply that could not be protected has ended the session.
    guard case .negotiating = self.state else { return }
    self.state = .done
    let earlyData = self.buffer
    self.buffer = ByteBuffer()
    self.end()
    self.delegate?.negotiationSucceeded(self, context: context, earlyData: earlyData, inputClosed: self.isInputClosed)
  }

  // MARK: Endings

  /// Closes the connection for a reason of its owner's, who knows it: the delegate is not told of anything any more. After
  /// an answer the channel may linger for a while; that ends too.
  public func close() {
    guard let context = self.context else { return }
    _ = self.negotiation.interrupted(Self.closedByOwner)
    self.close(context)
  }

  private static let closedByOwner = SOCKSError(.stopping, "closed by this side")

  private func refuse(_ answer: ByteBuffer, _ error: SOCKSError, _ context: ChannelHandlerContext) {
    guard case .negotiating = self.state else { return }
    self.delegate?.negotiationFailed(error, phase: self.phase)
    self.end()
    context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
    guard !self.isInputClosed else { return self.close(context) }
    self.state = .lingering(LingeringClose())
    self.buffer = ByteBuffer()
    context.close(mode: .output, promise: nil)
    self.timer = self.timers?.start(in: LingeringClose.timeout) { [weak self] in
      guard let self, let context = self.context else { return }
      self.close(context)
    }
    context.read()
  }

  private func interrupt(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    self.event(context) { $0.interrupted(error) }
  }

  /// The client has gone: of its own accord, or because this side was slow to authenticate it.
  private func departure(_ context: ChannelHandlerContext) -> SOCKSError {
    switch self.negotiation.phase {
    case .authentication, .level:
      if self.steps.hasBeenSlow(now: context.eventLoop.now) {
        return SOCKSError(.stepTimedOut, "the client left after this side's own step had taken long")
      }
    case .method, .request, .serving, .listening, .relaying, .ended: break
    }
    return SOCKSError(.connectionClosed, "the client closed the connection")
  }

  /// Ends without an answer, whatever the machine would like to send.
  private func giveUp(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    let phase = self.negotiation.phase
    _ = self.negotiation.interrupted(error)
    self.fail(error, phase: phase, context)
  }

  private func fail(_ error: SOCKSError, phase: ServerNegotiation.Phase, _ context: ChannelHandlerContext) {
    guard case .negotiating = self.state else { return }
    self.delegate?.negotiationFailed(error, phase: phase)
    self.close(context)
  }

  private func close(_ context: ChannelHandlerContext) {
    self.end()
    context.close(promise: nil)
  }

  /// Lets go of everything that only the negotiation needs.
  private func end() {
    self.state = .done
    self.timer?.cancel()
    self.timer = nil
    self.establishment = nil
    self.protection = nil
    self.buffer = ByteBuffer()
  }

  // MARK: Deadlines

  private func updateTimer(_ context: ChannelHandlerContext) {
    guard case .negotiating = self.state, self.negotiation.phase != self.timedPhase else { return }
    self.timer?.cancel()
    self.timer = nil
    let phase = self.negotiation.phase
    self.timedPhase = phase
    guard let timeout = self.timeouts.deadline(for: phase) else { return }
    self.timer = self.timers?.start(in: timeout) { [weak self] in
      guard let self, let context = self.context else { return }
      self.event(context) { $0.deadlinePassed() }
    }
  }
}
