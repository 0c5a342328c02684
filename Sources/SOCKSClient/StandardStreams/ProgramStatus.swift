import SOCKSCore

/// The exit status of a program that connects, after sysexits.h. Documented in the program's help: they are an interface.
public enum ProgramStatus: Int32, Hashable, Sendable, CaseIterable {
  /// Both streams came to their ends.
  case success = 0
  /// The command line is wrong.
  case usage = 64
  /// The gateway's name has no address.
  case noHost = 68
  /// The gateway cannot be reached, or cannot reach the target.
  case unavailable = 69
  /// An error of the program.
  case software = 70
  /// The connection, or a standard stream, broke: the session ended prematurely.
  case inputOutput = 74
  /// It may work later: no answer in time, too busy, no Kerberos server.
  case temporary = 75
  /// The gateway does not keep to the protocol, or does not agree to the protection asked for.
  case protocolError = 76
  /// No ticket, or one that cannot be used; an unknown service; refused by the gateway or its rules.
  case noPermission = 77
}

extension ProxyConnectorError {
  /// The exit status of a program that fails for this reason.
  public var programStatus: ProgramStatus {
    switch self.reason.base {
    case .gatewayNotFound: .noHost
    case .targetNameMalformed: .usage
    case .gatewayRefusedConnection, .gatewayUnreachable: .unavailable
    case .gatewayTimedOut, .timedOut, .kdcUnreachable, .tooBusy: .temporary
    case .ticketForOtherService, .ticketCacheUnreadable, .configurationUnreadable, .ticketTooLong: .noPermission
    case .noTicket, .ticketExpired, .unknownService, .clockSkew, .kerberosFailed, .gatewayRefusedAuthentication:
      .noPermission
    case .methodNotAccepted, .contextTooWeak, .levelNotAcceptable, .protocolViolated: .protocolError
    case .targetRefused: self.replyCode == .notAllowedByRuleset ? .noPermission : .unavailable
    case .gatewayClosed: .inputOutput
    case .localFailure: self.code == .socketFailed ? .unavailable : .temporary
    case .internalError: .software
    }
  }
}
