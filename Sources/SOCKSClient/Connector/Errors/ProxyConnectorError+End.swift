import ProxySession
import SOCKSCore

extension ProxyConnectorError {
  /// How a session ends whose request failed so: in the bridge's record.
  var end: SessionEnd {
    if let code = self.code {
      return SessionEnd(SOCKSError(code, self.detail, reply: self.replyCode), from: .target, in: .serving)
    }
    let cause: SessionEnd.Cause
    switch self.reason.base {
    case .gatewayNotFound: cause = .connectFailed(.noSuchName)
    case .gatewayRefusedConnection: cause = .connectFailed(.refused)
    case .gatewayUnreachable: cause = .connectFailed(.hostUnreachable)
    case .gatewayTimedOut: cause = .timeout(.connect)
    case .targetNameMalformed: cause = .malformedName
    // Without a code: this machine had no descriptor or no memory.
    case .tooBusy: cause = .limit(.descriptors)
    case .localFailure: cause = .trouble(.socket)
    case .noTicket, .ticketExpired, .unknownService, .kdcUnreachable, .clockSkew, .kerberosFailed,
      .gatewayRefusedAuthentication, .methodNotAccepted, .contextTooWeak, .levelNotAcceptable, .targetRefused,
      .timedOut, .gatewayClosed, .protocolViolated, .internalError, .ticketForOtherService, .ticketCacheUnreadable,
      .configurationUnreadable, .ticketTooLong:
      // These have a code.
      cause = .bug
    }
    return SessionEnd(cause, in: .serving, self.detail)
  }
}
