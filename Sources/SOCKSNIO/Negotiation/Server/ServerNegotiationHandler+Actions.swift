import NIOCore
import SOCKSCore

/// What the machine says, done.
extension ServerNegotiationHandler {
  /// Carries out one action; true when the machine should be asked again.
  func run(_ action: ServerNegotiation.Action, _ context: ChannelHandlerContext) -> Bool {
    switch action {
    case .readMore:
      return self.readMore(context)
    case .wait, .discard:
      return false
    case .select(let method, let answer):
      self.send(answer, context)
      self.report(.selected(method))
      return true
    case .selectNoAuthentication(let answer):
      self.send(answer, context)
      self.report(.selected(.noAuthentication))
      self.report(.authenticated(.unauthenticated))
      return true
    case .stepContext(let token):
      self.step(token, context)
      return false
    case .send(let message), .announce(let message):
      self.send(message, context)
      return true
    case .unwrapProtectionLevel(let token):
      let result = self.protection?.unwrapProtectionLevel(token) ?? .failed(Self.noContext)
      return self.run(self.negotiation.protectionLevelUnwrapped(result), context)
    case .wrapProtectionLevel(let octet):
      let result = self.protection?.wrapProtectionLevel(octet) ?? .failed(Self.noContext)
      return self.run(self.negotiation.protectionLevelWrapped(result), context)
    case .protect(let agreed, let answer):
      return self.protect(agreed, answer: answer, context)
    case .leaveUnprotected(let session, let answer):
      if let answer { self.send(answer, context) }
      self.protection = nil
      self.report(.authenticated(.unprotected(session)))
      return true
    case .checkPassword(let request):
      self.check(request, context)
      return false
    case .accept(let username, let answer):
      self.send(answer, context)
      self.report(.authenticated(.user(username)))
      return true
    case .serve(let command, let destination):
      self.report(.receivedRequest(command, destination: destination, RequestAnswer(to: self)))
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

  func report(_ event: ServerNegotiationEvent) { self.delegate?.negotiation(event) }

  func send(_ message: ByteBuffer, _ context: ChannelHandlerContext) {
    context.writeAndFlush(self.wrapOutboundOut(message), promise: nil)
  }

  private func readMore(_ context: ChannelHandlerContext) -> Bool {
    guard self.isInputClosed else {
      context.read()
      return false
    }
    let hasBeenSlow = self.steps.hasBeenSlow(now: context.eventLoop.now)
    return self.run(
      self.negotiation.inputEnded(unread: self.buffer.readableBytes, hasBeenSlow: hasBeenSlow), context)
  }

  private func step(_ token: ByteBuffer, _ context: ChannelHandlerContext) {
    self.report(.receivedCredential)
    self.steps.begin(now: context.eventLoop.now)
    guard let establishment = self.establishment ?? self.makeEstablishment?() else {
      return self.stepFinished(.failed(Self.noContext))
    }
    self.establishment = establishment
    establishment.step(token) { [weak self] in self?.stepFinished($0, $1) }
  }

  private func check(_ request: UsernamePasswordRequest, _ context: ChannelHandlerContext) {
    guard self.delegate != nil else { return self.passwordChecked(.notChecked) }
    self.report(.receivedCredential)
    self.steps.begin(now: context.eventLoop.now)
    self.report(.receivedPassword(request, PasswordAnswer(to: self)))
  }

  private func protect(_ agreed: AgreedProtection, answer: ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
    guard let protection = self.protection else {
      self.fail(Self.noContext, phase: .level, context)
      return false
    }
    self.send(answer, context)
    let encapsulation = EncapsulationHandler(protection: protection, agreed: agreed, selective: self.selective)
    do {
      try context.pipeline.syncOperations.addHandler(encapsulation, position: .before(self))
    } catch {
      self.fail(SOCKSError(transport: error), phase: .level, context)
      return false
    }
    self.report(.authenticated(.protected(agreed, engine: protection.engine)))
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

  private func handOver(_ reply: ByteBuffer, _ context: ChannelHandlerContext) {
    self.send(reply, context)
    // A reply that could not be protected has ended the session.
    guard case .negotiating = self.state else { return }
    self.state = .done
    let earlyData = self.buffer
    self.buffer = ByteBuffer()
    self.end()
    self.report(
      .succeeded(
        ServerNegotiationHandover(
          handler: self, context: context, earlyData: earlyData, inputClosed: self.isInputClosed)))
  }
}
