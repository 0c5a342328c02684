public import SOCKSCore

extension SessionEnd {
  /// The end that an error of the protocols, of a connection or of the security library is.
  ///
  /// - Parameters:
  ///   - party: at the other end of the connection that it was found on: the client or the target.
  ///   - phase: when.
  public init(_ error: SOCKSError, from party: SessionParty, in phase: SessionPhase) {
    let cause: Cause
    var by: SessionParty?
    switch error.code.base {
    case .wrongVersion, .malformedMessage, .unexpectedMessage, .noAcceptableMethod, .methodNotOffered,
      .unprotectedRequest, .emptyToken, .tooManyRounds, .invalidLevel, .levelZero, .levelNotWrapped, .protectionFailed,
      .replayDetected,
      .outOfSequence, .notEncrypted, .tooManyEmptyMessages, .truncated, .abortReceived, .unsupportedCommand,
      .unsupportedAddressType:
      cause = .violation(error.code, by: party)
    case .foreignProtocol: cause = .foreignProtocol(error.foreignProtocol ?? .unknown)
    case .malformedName: cause = .malformedName
    case .contextFailed: cause = .authenticationFailed(.context)
    case .noCredentials: cause = .authenticationFailed(.noCredentials)
    case .credentialsExpired: cause = .authenticationFailed(.credentialsExpired)
    case .ticketForOtherService: cause = .authenticationFailed(.ticketForOtherService)
    case .ticketCacheUnreadable: cause = .authenticationFailed(.ticketCache)
    case .tokenTooLong: cause = .authenticationFailed(.tokenTooLong)
    case .unknownService: cause = .authenticationFailed(.unknownService)
    case .kdcUnreachable: cause = .authenticationFailed(.kdcUnreachable)
    case .clockSkew: cause = .authenticationFailed(.clockSkew)
    case .contextTooWeak: cause = .authenticationFailed(.contextTooWeak)
    case .serviceNotServed: cause = .authenticationFailed(.serviceNotServed)
    case .levelNotAcceptable: cause = .authenticationFailed(.levelNotAcceptable)
    case .passwordRefused: cause = .authenticationFailed(.password)
    case .requestRefused: cause = .refusedUpstream(error.reply ?? .generalFailure)
    case .timedOut: cause = .timeout(party == .target ? .gateway : Timeout(phase))
    case .stepTimedOut: cause = .stepTimeout(Timeout(phase))
    case .connectionClosed: (cause, by) = (.connectionClosed, party)
    case .connectionLost: cause = .ioError
    case .queueFull: cause = .limit(.authenticationQueue)
    case .passwordNotChecked: cause = .limit(.passwordQueue)
    case .stopping: cause = .draining
    case .keytabUnreadable: cause = .trouble(.keytab)
    case .replayCacheUnreadable: cause = .trouble(.replayCache)
    case .configurationUnreadable: cause = .trouble(.kerberosConfiguration)
    case .socketFailed: cause = .trouble(.socket)
    case .noDescriptors: cause = .limit(.descriptors)
    case .noMemory: cause = .limit(.memory)
    case .noDiskSpace: cause = .limit(.diskSpace)
    case .valueOutOfRange, .internalError: cause = .bug
    }
    self.init(cause, by: by, in: phase, error.detail)
  }
}

extension SessionEnd.Timeout {
  /// The deadline of a phase.
  init(_ phase: SessionPhase) {
    self =
      switch phase {
      case .method: .method
      case .authentication: .authentication
      case .level: .level
      case .request: .request
      case .serving: .connect
      case .listening: .bind
      case .relaying: .idle
      }
  }
}
