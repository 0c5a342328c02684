import NIOCore
import SOCKSCore

extension ServerNegotiationHandler {
  /// Closes the connection for a reason of its owner's, who knows it: nothing is reported any more. After an answer the
  /// channel may linger for a while; that ends too.
  public func close() {
    guard let context = self.context else { return }
    _ = self.negotiation.interrupted(Self.closedByOwner)
    self.close(context)
  }

  private static let closedByOwner = SOCKSError(.stopping, "closed by this side")

  func refuse(_ answer: ByteBuffer, _ error: SOCKSError, _ context: ChannelHandlerContext) {
    guard case .negotiating = self.state else { return }
    self.report(.failed(error, phase: self.phase))
    self.end()
    self.send(answer, context)
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

  /// Ends without an answer, whatever the machine would like to send.
  func giveUp(_ error: SOCKSError, _ context: ChannelHandlerContext) {
    let phase = self.negotiation.phase
    _ = self.negotiation.interrupted(error)
    self.fail(error, phase: phase, context)
  }

  func fail(_ error: SOCKSError, phase: ServerNegotiation.Phase, _ context: ChannelHandlerContext) {
    guard case .negotiating = self.state else { return }
    self.report(.failed(error, phase: phase))
    self.close(context)
  }

  func close(_ context: ChannelHandlerContext) {
    self.end()
    context.close(promise: nil)
  }

  /// Lets go of everything that only the negotiation needs.
  func end() {
    self.state = .done
    self.timer?.cancel()
    self.timer = nil
    self.establishment = nil
    self.protection = nil
    self.buffer = ByteBuffer()
  }
}
