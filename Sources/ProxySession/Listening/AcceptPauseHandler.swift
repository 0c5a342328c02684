public import NIOCore

/// On a listening channel, nearest the network: accepting pauses for a second when the system has no descriptor or no
/// memory for one more connection, and goes on by itself.
///
/// NIO keeps such a listener registered, with its read pending, so that the selector returns at once again and again. What
/// takes the registration away is a change of `autoRead` from on to off, and nothing else: neither withholding reads nor
/// `AcceptBackoffHandler` does.
public final class AcceptPauseHandler: ChannelDuplexHandler {
  public typealias InboundIn = any Channel
  public typealias InboundOut = any Channel
  public typealias OutboundIn = Never
  public typealias OutboundOut = Never

  /// From a failed accept to the next.
  public static let pause: TimeAmount = .seconds(1)

  private enum State {
    case accepting
    case pausing(Scheduled<Void>, readsByItself: Bool)
    case ended
  }

  private let log: ListenerLog
  private var state = State.accepting

  public init(log: ListenerLog) { self.log = log }

  public func read(context: ChannelHandlerContext) {
    // At the end of a pause a read is due in any case: the one that failed.
    if case .pausing = self.state { return }
    context.read()
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard SystemShortage.isCause(of: error) else { return context.fireErrorCaught(error) }
    switch self.state {
    case .accepting: self.pause(context, error)
    // Not registered, and tried nevertheless: NIO reads on and on from a socket that was shut down, until a read says so,
    // which without a descriptor none does.
    case .pausing: context.close(promise: nil)
    case .ended: break
    }
  }

  private func pause(_ context: ChannelHandlerContext, _ error: any Error) {
    self.log.acceptingPauses(at: context.channel.localAddress, error)
    guard let options = context.channel.syncOptions, let readsByItself = try? options.getOption(.autoRead) else {
      return context.close(promise: nil)
    }
    let loop = context.eventLoop.assumeIsolated()
    let timer = loop.scheduleTask(in: Self.pause) { self.resume(context) }
    self.state = .pausing(timer, readsByItself: readsByItself)
    do {
      if !readsByItself { try options.setOption(.autoRead, value: true) }
      try options.setOption(.autoRead, value: false)
    } catch {
      context.close(promise: nil)
    }
  }

  private func resume(_ context: ChannelHandlerContext) {
    guard case .pausing(_, let readsByItself) = self.state else { return }
    self.state = .accepting
    // Reads, too.
    if readsByItself, let options = context.channel.syncOptions {
      try? options.setOption(.autoRead, value: true)
    } else {
      context.read()
    }
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    if case .pausing(let timer, _) = self.state { timer.cancel() }
    self.state = .ended
  }
}
