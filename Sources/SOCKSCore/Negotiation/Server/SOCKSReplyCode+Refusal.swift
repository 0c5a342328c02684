extension SOCKSReplyCode {
  /// The reply to a request that cannot be read or is not served (RFC 1928 section 6). Why a request fails that can be
  /// served is another matter: the code that carries it out knows the reply.
  public init(refusing code: SOCKSError.Code) {
    self =
      switch code.base {
      case .unsupportedCommand: .commandNotSupported
      case .unsupportedAddressType: .addressTypeNotSupported
      case .malformedName: .hostUnreachable
      case .wrongVersion, .ticketForOtherService, .ticketCacheUnreadable, .tokenTooLong, .foreignProtocol,
        .levelNotWrapped, .malformedMessage, .unexpectedMessage,
        .noAcceptableMethod, .methodNotOffered,
        .unprotectedRequest, .emptyToken, .tooManyRounds, .contextFailed, .noCredentials, .credentialsExpired,
        .unknownService, .kdcUnreachable, .clockSkew, .contextTooWeak, .serviceNotServed, .levelNotAcceptable,
        .invalidLevel, .levelZero, .protectionFailed, .replayDetected, .outOfSequence, .notEncrypted,
        .tooManyEmptyMessages, .truncated, .abortReceived, .passwordRefused, .requestRefused, .timedOut,
        .stepTimedOut, .connectionClosed, .connectionLost, .queueFull, .passwordNotChecked, .stopping,
        .keytabUnreadable, .replayCacheUnreadable, .configurationUnreadable, .socketFailed, .noDescriptors, .noMemory,
        .noDiskSpace, .valueOutOfRange, .internalError:
        .generalFailure
      }
  }
}
