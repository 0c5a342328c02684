import SOCKSCore

/// What a client did wrong before it was authenticated.
public enum FailureKind: Hashable, Sendable, CaseIterable {
  case authentication
  case password
  case violation
  case timeout
  case abandoned
}

extension SessionEnd {
  /// What such an end before authentication says of the client; nil where it says nothing of it.
  ///
  /// - Parameter hasSentCredential: the client has sent a token or a password. One that leaves without, or keeps silent, may
  ///   be the program of a user who has no ticket yet: that blocks nobody.
  public func penalty(hasSentCredential: Bool) -> FailureKind? {
    switch self.penalty {
    case .abandoned?, .timeout?: hasSentCredential ? self.penalty : nil
    case let kind: kind
    }
  }

  /// The same for a client that has sent a token or a password. What this side does for reasons of its own is never the
  /// client's doing.
  public var penalty: FailureKind? {
    // Plainly another protocol, no common method, or nothing at all: that is noise, which the log bounds. A program that is
    // set up wrongly must not take the use of a good ticket away from its neighbors at the address.
    if self.phase == .method { return nil }
    return switch self.cause {
    case .completed, .connectionClosed: self.party == .client ? .abandoned : nil
    case .refused, .malformedName, .ioError: .abandoned
    case .foreignProtocol: nil
    case .authenticationFailed(let failure):
      switch failure {
      case .password: .password
      case .context, .contextTooWeak, .serviceNotServed, .levelNotAcceptable, .clockSkew, .credentialsExpired,
        .noCredentials:
        .authentication
      case .unknownService, .kdcUnreachable, .ticketForOtherService, .ticketCache, .tokenTooLong, .abort: nil
      }
    case .timeout(let timeout):
      switch timeout {
      case .method, .authentication, .level, .request: .timeout
      case .resolve, .connect, .bind, .idle, .halfClosed, .session, .gateway: nil
      }
    case .violation(let code, let party):
      party == .client ? FailureKind(violation: code) : nil
    case .limit, .stepTimeout, .evicted, .draining, .stopped, .trouble, .bug, .ticketExpired, .refusedUpstream,
      .connectFailed:
      nil
    }
  }
}

extension FailureKind {
  fileprivate init?(violation code: SOCKSError.Code) {
    switch code.base {
    case .foreignProtocol, .levelNotWrapped, .noAcceptableMethod, .unprotectedRequest, .unsupportedCommand,
      .unsupportedAddressType, .malformedName,
      .truncated, .abortReceived:
      self = .abandoned
    case .wrongVersion, .malformedMessage, .unexpectedMessage, .emptyToken, .tooManyRounds, .invalidLevel, .levelZero,
      .replayDetected, .outOfSequence, .notEncrypted, .tooManyEmptyMessages, .methodNotOffered:
      self = .violation
    case .protectionFailed, .contextFailed, .contextTooWeak, .serviceNotServed, .levelNotAcceptable, .clockSkew,
      .noCredentials, .credentialsExpired, .ticketForOtherService, .ticketCacheUnreadable, .tokenTooLong:
      self = .authentication
    case .passwordRefused: self = .password
    case .timedOut: self = .timeout
    case .connectionClosed, .connectionLost: self = .abandoned
    case .requestRefused, .unknownService, .kdcUnreachable, .stepTimedOut, .queueFull, .stopping, .keytabUnreadable,
      .replayCacheUnreadable, .configurationUnreadable, .noDescriptors, .noMemory, .noDiskSpace, .passwordNotChecked,
      .socketFailed, .valueOutOfRange, .internalError:
      return nil
    }
  }
}
