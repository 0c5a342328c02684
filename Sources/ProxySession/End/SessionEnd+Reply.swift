public import SOCKSCore

extension SessionEnd {
  /// The reply to a request that ended so (RFC 1928 section 6). What rules say is one answer, whatever they say.
  public var replyCode: SOCKSReplyCode {
    switch self.cause {
    case .completed: .succeeded
    case .refused: .notAllowedByRuleset
    case .refusedUpstream(let code): code == .succeeded ? .generalFailure : code
    case .limit(let limit):
      switch limit {
      case .sessionsPerPrincipal: .notAllowedByRuleset
      case .authenticationQueue, .passwordQueue, .lookupQueue, .descriptors, .memory, .diskSpace, .ports:
        .generalFailure
      }
    case .timeout(let timeout):
      switch timeout {
      case .resolve, .connect, .bind, .gateway: .hostUnreachable
      case .method, .authentication, .level, .request, .idle, .halfClosed, .session: .generalFailure
      }
    case .connectFailed(let failure):
      switch failure {
      case .refused: .connectionRefused
      case .hostUnreachable, .noSuchName, .resolver: .hostUnreachable
      case .networkUnreachable: .networkUnreachable
      case .other: .generalFailure
      }
    case .malformedName: .hostUnreachable
    case .violation(let code, _): SOCKSReplyCode(refusing: code)
    case .stepTimeout, .evicted, .draining, .stopped, .ticketExpired, .authenticationFailed, .trouble,
      .foreignProtocol, .connectionClosed, .ioError, .bug:
      .generalFailure
    }
  }
}
