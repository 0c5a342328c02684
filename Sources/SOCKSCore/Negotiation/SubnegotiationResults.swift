public import NIOCore

/// What became of one call of gss_accept_sec_context or gss_init_sec_context.
public enum ContextStepResult: Hashable, Sendable {
  /// GSS_S_CONTINUE_NEEDED, with the token for the peer.
  case continueNeeded(token: ByteBuffer)
  /// GSS_S_COMPLETE, with the last token for the peer if there is one.
  case complete(SecurityContextAttributes, token: ByteBuffer?)
  /// Anything else, the library's text included.
  case failed(SOCKSError)
}

/// What became of the check of a user name and a password.
public enum PasswordOutcome: Hashable, Sendable {
  case correct
  case refused
  /// Nobody has looked at it, for want of something on this side: it says nothing about the client.
  case notChecked
}

/// What became of unwrapping a protection-level token.
public enum UnwrapResult: Hashable, Sendable {
  case unwrapped([UInt8], UnwrapOutcome)
  case failed(SOCKSError)
}

/// What became of wrapping a protection-level octet.
public enum WrapResult: Hashable, Sendable {
  case wrapped(token: ByteBuffer)
  case failed(SOCKSError)
}

/// What both ends have agreed on when RFC 1961 section 4 is done.
public struct AgreedProtection: Hashable, Sendable {
  public var level: ProtectionLevel
  public var attributes: SecurityContextAttributes
  /// The check of the peer's next messages; it knows the number of the level message.
  ///
  /// After a level in clear (``CompatibilitySwitch/nec``) there is no such number: the first message's counts.
  public var incoming: IncomingMessageCheck
  /// The switches that this session could not do without.
  public var compatibility: Set<CompatibilitySwitch>

  public init(
    level: ProtectionLevel, attributes: SecurityContextAttributes, incoming: IncomingMessageCheck,
    compatibility: Set<CompatibilitySwitch> = []
  ) {
    self.level = level
    self.attributes = attributes
    self.incoming = incoming
    self.compatibility = compatibility
  }
}
