public import Logging

extension SessionEnd {
  /// How much the record of such a session matters to an operator.
  ///
  /// Trouble of this machine's is reported by a line of its own, once (``OngoingTrouble``), and not by each session.
  public var logLevel: Logger.Level {
    switch self.cause {
    case .completed, .evicted, .draining, .stopped, .timeout, .connectFailed, .connectionClosed, .ioError, .trouble:
      .info
    case .refused, .refusedUpstream, .limit, .stepTimeout, .ticketExpired, .malformedName, .authenticationFailed,
      .violation, .foreignProtocol:
      .notice
    case .bug: .error
    }
  }
}
