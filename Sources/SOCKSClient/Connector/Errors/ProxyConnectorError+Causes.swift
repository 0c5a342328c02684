import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore

#if canImport(Glibc)
  import Glibc
#endif

extension ProxyConnectorError {
  /// The gateway could not be reached.
  init(connecting error: any Error, _ configuration: ProxyConnector.Configuration) {
    let reason: Reason
    if Self.isShortage(error) {
      reason = .tooBusy
    } else if let error = error as? NIOConnectionError {
      reason = Self.reason(of: error)
    } else if case .connectTimeout? = error as? ChannelError {
      reason = .gatewayTimedOut
    } else {
      reason = .gatewayUnreachable
    }
    self.init(reason, configuration, detail: escaped(words(for: error)))
  }

  /// Whether this program had no descriptor for one of the gateway's addresses: it may have been the one that answers.
  private static func isShortage(_ error: any Error) -> Bool {
    let errors = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
    return errors.contains { SystemShortage.isCause(of: $0) }
  }

  private static func reason(of error: NIOConnectionError) -> Reason {
    guard !error.connectionErrors.isEmpty else { return .gatewayNotFound }
    // Several addresses tried: a machine that said no is the best news.
    if error.connectionErrors.contains(where: { ($0.error as? IOError)?.errnoCode == ECONNREFUSED }) {
      return .gatewayRefusedConnection
    }
    let isTimeout = error.connectionErrors.contains { failure in
      if case .connectTimeout? = failure.error as? ChannelError { return true }
      return (failure.error as? IOError)?.errnoCode == ETIMEDOUT
    }
    return isTimeout ? .gatewayTimedOut : .gatewayUnreachable
  }

  /// Explanations with several principals in them are longer than a log's usual texts.
  private static let detailLimit = 2_048

  /// The gateway was reached; what followed failed.
  init(
    negotiating error: SOCKSError, _ configuration: ProxyConnector.Configuration, request: SOCKSRequest,
    agreed: AgreedProtection? = nil
  ) {
    self.init(
      Reason(error.code), configuration, request: request, replyCode: error.reply,
      detail: escaped(error.detail, limit: Self.detailLimit), code: error.code, agreed: agreed?.summary)
  }
}

extension ProxyConnectorError.Reason {
  init(_ code: SOCKSError.Code) {
    switch code.base {
    case .noCredentials: self = .noTicket
    case .credentialsExpired: self = .ticketExpired
    case .unknownService: self = .unknownService
    case .ticketForOtherService: self = .ticketForOtherService
    case .ticketCacheUnreadable: self = .ticketCacheUnreadable
    case .configurationUnreadable: self = .configurationUnreadable
    case .tokenTooLong: self = .ticketTooLong
    case .kdcUnreachable: self = .kdcUnreachable
    case .clockSkew: self = .clockSkew
    case .contextFailed, .keytabUnreadable, .replayCacheUnreadable: self = .kerberosFailed
    case .abortReceived, .passwordRefused: self = .gatewayRefusedAuthentication
    case .noAcceptableMethod, .methodNotOffered: self = .methodNotAccepted
    case .contextTooWeak, .serviceNotServed: self = .contextTooWeak
    case .levelNotAcceptable: self = .levelNotAcceptable
    case .malformedName: self = .targetNameMalformed
    case .requestRefused: self = .targetRefused
    case .timedOut, .stepTimedOut: self = .timedOut
    case .connectionClosed, .connectionLost: self = .gatewayClosed
    case .queueFull, .stopping: self = .tooBusy
    case .socketFailed, .noDescriptors, .noMemory, .noDiskSpace: self = .localFailure
    case .valueOutOfRange, .passwordNotChecked, .internalError: self = .internalError
    case .wrongVersion, .foreignProtocol, .levelNotWrapped, .malformedMessage, .unexpectedMessage, .unprotectedRequest,
      .emptyToken, .tooManyRounds,
      .invalidLevel, .levelZero, .protectionFailed, .replayDetected, .outOfSequence, .notEncrypted,
      .tooManyEmptyMessages, .truncated, .unsupportedCommand, .unsupportedAddressType:
      self = .protocolViolated
    }
  }
}
