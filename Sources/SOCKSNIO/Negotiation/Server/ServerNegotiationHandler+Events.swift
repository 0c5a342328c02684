import NIOCore
import SOCKSCore

/// What happens, as events of the machine, and what follows from them.
extension ServerNegotiationHandler {
  /// Gives the machine what has come until it wants more, or waits.
  func proceed(_ context: ChannelHandlerContext) {
    guard case .negotiating = self.state, !self.isRunning else { return }
    self.isRunning = true
    var goesOn = true
    while goesOn {
      goesOn = self.run(self.negotiation.receivedOctets(&self.buffer), context)
      self.updatePhase()
    }
    self.isRunning = false
  }

  /// An event that is not octets, and all that follows from it. Not while actions are being run.
  private func event(_ event: (inout ServerNegotiation) -> ServerNegotiation.Action) {
    guard case .negotiating = self.state, let context = self.context else { return }
    self.isRunning = true
    let goesOn = self.run(event(&self.negotiation), context)
    self.updatePhase()
    self.isRunning = false
    if goesOn { self.proceed(context) }
  }

  /// In the loop's next turn, when the actions that are being run are done. Nothing that comes meanwhile must be lost:
  /// nothing else would end the wait.
  private func later(_ event: @escaping (ServerNegotiationHandler) -> Void) {
    self.context?.eventLoop.assumeIsolated().execute { [weak self] in
      if let self { event(self) }
    }
  }

  /// - Parameter protection: of a context that is complete.
  func stepFinished(_ result: ContextStepResult, _ protection: (any PerMessageProtection)? = nil) {
    // Without a context the connection is gone, and the library's context with this step.
    guard let context = self.context else { return }
    guard !self.isRunning else { return self.later { $0.stepFinished(result, protection) } }
    self.steps.end(now: context.eventLoop.now)
    if case .negotiating = self.state { self.protection = protection }
    self.event { $0.stepFinished(result) }
  }

  func passwordChecked(_ outcome: PasswordOutcome) {
    guard let context = self.context else { return }
    guard !self.isRunning else { return self.later { $0.passwordChecked(outcome) } }
    self.steps.end(now: context.eventLoop.now)
    self.event { $0.passwordChecked(outcome) }
  }

  func announced(_ bound: SOCKSAddress) {
    guard !self.isRunning else { return self.later { $0.announced(bound) } }
    self.event { $0.announced(bound) }
  }

  func requestFinished(_ reply: SOCKSReply) {
    guard !self.isRunning else { return self.later { $0.requestFinished(reply) } }
    self.event { $0.requestFinished(reply) }
  }

  func receivedTooMuch() {
    guard !self.isRunning else { return self.later { $0.receivedTooMuch() } }
    self.event { $0.interrupted(SOCKSError(.unexpectedMessage, "too much early data")) }
  }

  // MARK: Phases

  /// After each action.
  private func updatePhase() {
    guard case .negotiating = self.state else { return }
    let phase = self.negotiation.phase
    guard phase != self.phase else { return }
    self.phase = phase
    self.startTimer()
  }

  /// Begins the deadline of the phase.
  func startTimer() {
    self.timer?.cancel()
    self.timer = nil
    guard let timeout = self.timeouts.deadline(for: self.phase) else { return }
    self.timer = self.timers?.start(in: timeout) { [weak self] in
      self?.event { $0.deadlinePassed() }
    }
  }
}
