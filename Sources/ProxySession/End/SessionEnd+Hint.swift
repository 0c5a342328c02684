public import SOCKSCore

extension SessionEnd {
  /// What is known of the client's side: a hint names a program only where this is what that program does.
  public struct Evidence: Hashable, Sendable {
    /// The method that was selected.
    public var method: SOCKSMethod?
    /// The client has offered other methods, too.
    public var hasAlternatives: Bool
    /// The client has sent a token or a password.
    public var hasSentCredential: Bool
    /// The departures from RFC 1961 that were made use of.
    public var compatibility: Set<CompatibilitySwitch>

    public init(
      method: SOCKSMethod?, hasAlternatives: Bool, hasSentCredential: Bool, compatibility: Set<CompatibilitySwitch>
    ) {
      self.method = method
      self.hasAlternatives = hasAlternatives
      self.hasSentCredential = hasSentCredential
      self.compatibility = compatibility
    }
  }

  /// The likely cause in the field, where one is known.
  public func hint(_ evidence: Evidence) -> String? {
    switch self.cause {
    case .connectionClosed:
      guard self.party == .client, self.phase == .authentication, evidence.method == .gssapi,
        // curl always offers to do without authentication as well; a client that offers GSS-API alone may have no ticket.
        evidence.hasAlternatives, !evidence.hasSentCredential
      else { return nil }
      return
        "curl 7.69 to 8.16 offers GSS-API but fails to complete it; prefer another method for its network, or use a bridge"
    case .violation(let code, by: .client): return Self.hint(violation: code, evidence)
    case .foreignProtocol(let kind): return kind.remedy
    case .completed, .refused, .refusedUpstream, .limit, .timeout, .stepTimeout, .evicted, .draining, .stopped,
      .ticketExpired, .connectFailed, .malformedName, .authenticationFailed, .trouble, .violation,
      .ioError, .bug:
      return nil
    }
  }

  private static func hint(violation code: SOCKSError.Code, _ evidence: Evidence) -> String? {
    switch code.base {
    case .unprotectedRequest where evidence.hasSentCredential:
      "curl 8.17 or newer asks for a level that it cannot use; let such programs go through a bridge on their machine"
    case .noAcceptableMethod:
      "the program cannot do what is allowed here; let it go through a bridge on its machine"
    case .wrongVersion where evidence.compatibility.contains(.unprotected):
      "Dante's client goes on with the level it asked for, whatever the answer; serve it without unprotected"
    case .levelNotWrapped:
      "a client in the style of NEC's (SS5, curl --socks5-gssapi-nec, Dante's gssapi.nec) sends the level unwrapped; "
        + "switch that off there, or allow compatibility: [nec] for its network"
    case .levelZero:
      "curl up to 7.68 asks for level 0, which RFC 1961 does not have"
    case .wrongVersion, .foreignProtocol, .malformedMessage, .unexpectedMessage, .methodNotOffered, .emptyToken,
      .tooManyRounds,
      .invalidLevel, .unprotectedRequest,
      .contextFailed, .noCredentials, .credentialsExpired, .unknownService, .ticketForOtherService,
      .ticketCacheUnreadable,
      .tokenTooLong, .kdcUnreachable, .clockSkew,
      .contextTooWeak, .serviceNotServed, .levelNotAcceptable, .protectionFailed, .replayDetected, .outOfSequence,
      .notEncrypted, .tooManyEmptyMessages, .truncated, .abortReceived, .passwordRefused, .requestRefused,
      .unsupportedCommand, .unsupportedAddressType, .malformedName, .timedOut, .stepTimedOut, .connectionClosed,
      .connectionLost, .queueFull, .stopping, .keytabUnreadable, .replayCacheUnreadable, .configurationUnreadable,
      .noDescriptors, .noMemory, .noDiskSpace, .passwordNotChecked, .socketFailed, .valueOutOfRange, .internalError:
      nil
    }
  }
}
