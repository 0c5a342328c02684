import Logging
import NIOCore
import ProxySession
import SOCKSCore

extension AssociationSession {
  /// How the session of this association has ended. A closed control connection is the ordinary end, by either side.
  func end(for error: SOCKSError) -> SessionEnd {
    let end = self.ticket.explaining(SessionEnd(error, from: .target, in: .relaying), now: self.eventLoop.now)
    return end.cause == .connectionClosed ? SessionEnd(.completed, by: .target, in: .relaying) : end
  }
}

extension SessionEnd {
  /// How much an end matters to the person whose program this is: what is the gateway's fault, or wants a new ticket, shall
  /// be seen.
  var levelForItsUser: Logger.Level {
    switch self.cause {
    case .bug: .error
    case .violation(_, by: .target): .error
    case .ticketExpired: .warning
    case .completed, .refused, .refusedUpstream, .limit, .timeout, .stepTimeout, .evicted, .draining, .stopped,
      .connectFailed, .malformedName, .authenticationFailed, .trouble, .violation, .foreignProtocol, .connectionClosed,
      .ioError:
      .info
    }
  }
}
