/// What both ends have agreed on when RFC 1961 section 4 is done.
public struct AgreedProtection: Hashable, Sendable {
  public var level: ProtectionLevel
  public var attributes: SecurityContextAttributes
  /// The check of the peer's next messages; it knows the number of the level message.
  ///
  /// After an unprotected level message (``CompatibilitySwitch/nec``) there is no such number: the first message's counts.
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
