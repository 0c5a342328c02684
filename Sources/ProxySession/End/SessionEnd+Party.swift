import SOCKSCore

extension SessionEnd.Cause {
  /// Who ends a session for such a cause, unless somebody knows better.
  var usualParty: SessionParty {
    switch self {
    case .completed, .connectionClosed: .client
    case .refused, .limit, .timeout, .stepTimeout, .evicted, .draining, .stopped, .ticketExpired, .malformedName,
      .authenticationFailed, .trouble, .foreignProtocol, .bug:
      .gateway
    case .violation(let code, let party):
      // It was not this side that gave up.
      switch code.base {
      case .truncated, .abortReceived: party
      case .wrongVersion, .ticketForOtherService, .ticketCacheUnreadable, .tokenTooLong, .foreignProtocol,
        .levelNotWrapped, .malformedMessage, .unexpectedMessage,
        .noAcceptableMethod, .methodNotOffered,
        .unprotectedRequest, .emptyToken, .tooManyRounds, .contextFailed, .noCredentials, .credentialsExpired,
        .unknownService, .kdcUnreachable, .clockSkew, .contextTooWeak, .serviceNotServed, .levelNotAcceptable,
        .invalidLevel, .levelZero, .protectionFailed, .replayDetected, .outOfSequence, .notEncrypted,
        .tooManyEmptyMessages,
        .passwordRefused, .requestRefused, .unsupportedCommand, .unsupportedAddressType, .malformedName, .timedOut,
        .stepTimedOut, .connectionClosed, .connectionLost, .queueFull, .stopping, .keytabUnreadable,
        .replayCacheUnreadable, .configurationUnreadable, .noDescriptors, .noMemory, .noDiskSpace,
        .passwordNotChecked, .socketFailed, .valueOutOfRange, .internalError:
        .gateway
      }
    case .connectFailed(let failure):
      switch failure {
      case .refused, .hostUnreachable, .other: .target
      case .networkUnreachable, .noSuchName, .resolver: .network
      }
    case .refusedUpstream: .target
    case .ioError: .network
    }
  }

  /// What there is to say where nobody has said more.
  var usualDetail: String {
    switch self {
    case .refused(let refusal): refusal.text
    case .limit(let limit):
      switch limit {
      case .sessionsPerPrincipal: "the principal has as many sessions as it may have"
      case .authenticationQueue: "too many clients authenticate at once"
      case .passwordQueue: "too many passwords wait to be checked"
      case .lookupQueue: "too many names wait to be resolved"
      case .descriptors: "there is no file descriptor left"
      case .memory: "there is no memory left"
      case .diskSpace: "there is no disk space left"
      case .ports: "every port of the configured range is taken"
      }
    case .timeout(let timeout):
      switch timeout {
      case .method, .authentication, .level, .request:
        "the client did not finish this phase of the negotiation in time"
      case .resolve: "the name was not resolved in time"
      case .connect: "the target did not answer in time"
      case .bind: "the peer did not connect in time"
      case .idle, .halfClosed: "nothing was relayed for too long"
      case .session: "the session has lasted as long as it may"
      case .gateway: "the gateway did not answer in time"
      }
    case .stepTimeout: "a step of this side took longer than the client was given"
    case .evicted: "too many connections have not authenticated"
    case .draining: "the gateway is stopping"
    case .stopped: "the gateway has stopped"
    case .ticketExpired: "the ticket has expired"
    case .completed, .refusedUpstream, .connectFailed, .malformedName, .authenticationFailed, .trouble, .violation,
      .foreignProtocol, .connectionClosed, .ioError, .bug:
      ""
    }
  }
}
