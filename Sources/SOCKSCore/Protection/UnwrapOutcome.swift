/// What the security library said of one token that it could open.
///
/// "Could open" is not yet "may be used": duplicates, old messages and gaps come with plaintext too, and so does a token
/// without confidentiality. ``IncomingMessageCheck`` decides.
public struct UnwrapOutcome: Hashable, Sendable {
  /// The supplementary status bits of RFC 2743 section 1.2.3, as far as they concern messages.
  public struct Status: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// GSS_S_DUPLICATE_TOKEN
    public static let duplicate = Status(rawValue: 1 << 0)
    /// GSS_S_OLD_TOKEN
    public static let old = Status(rawValue: 1 << 1)
    /// GSS_S_UNSEQ_TOKEN
    public static let unsequenced = Status(rawValue: 1 << 2)
    /// GSS_S_GAP_TOKEN
    public static let gap = Status(rawValue: 1 << 3)
    /// Any other bit beside GSS_S_COMPLETE.
    public static let other = Status(rawValue: 1 << 4)
  }

  /// Octets of plaintext.
  public var plaintextLength: Int
  /// The library's `conf_state`: the token was sealed, not only signed.
  public var isConfidential: Bool
  public var status: Status
  /// The 64-bit number of a Kerberos token (RFC 4121 section 4.2.6.2, SND_SEQ); nil for mechanisms without it.
  public var sequenceNumber: UInt64?

  public init(plaintextLength: Int, isConfidential: Bool, status: Status, sequenceNumber: UInt64?) {
    self.plaintextLength = plaintextLength
    self.isConfidential = isConfidential
    self.status = status
    self.sequenceNumber = sequenceNumber
  }
}
