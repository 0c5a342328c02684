/// The header of a Kerberos wrap token, the sixteen octets before its body (RFC 4121 section 4.2.6.2). Pure.
///
/// A header alone proves nothing: believe it after the token was unwrapped. Even then the rotation count is unproved,
/// because Kerberos does not protect it.
public struct KerberosTokenHeader: Hashable, Sendable {
  /// Octets of the header.
  public static let octetCount = 16

  /// The token identifier of a wrap token.
  public static let identifier: UInt16 = 0x0504

  /// Properties of the token (RFC 4121 section 4.2.2). Unknown bits are kept.
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    public static let sentByAcceptor = Flags(rawValue: 0x01)
    public static let sealed = Flags(rawValue: 0x02)
    public static let acceptorSubkey = Flags(rawValue: 0x04)
  }

  public let flags: Flags

  /// EC: octets of checksum behind a signed plaintext, of filler behind a sealed one.
  public let extraCount: UInt16

  /// RRC: octets by which the body is rotated to the right.
  public let rightRotationCount: UInt16

  /// SND_SEQ: the number of this message in its direction.
  public let sequenceNumber: UInt64

  /// Reads the header at the start of a token; `nil` when the token is shorter or of another kind.
  public init?(_ token: RawSpan) {
    guard token.byteCount >= Self.octetCount else { return nil }
    guard Self.bigEndian(token, 0..<2) == UInt64(Self.identifier), token.octet(at: 3) == 0xff else { return nil }
    flags = Flags(rawValue: token.octet(at: 2))
    extraCount = UInt16(clamping: Self.bigEndian(token, 4..<6))
    rightRotationCount = UInt16(clamping: Self.bigEndian(token, 6..<8))
    sequenceNumber = Self.bigEndian(token, 8..<16)
  }

  /// Reads the header at the start of a token; `nil` when the token is shorter or of another kind.
  public init?(_ token: [UInt8]) {
    unsafe self.init(token.span.bytes)
  }

  private static func bigEndian(_ token: RawSpan, _ range: Range<Int>) -> UInt64 {
    range.reduce(0) { $0 << 8 | UInt64(token.octet(at: $1)) }
  }
}

extension RawSpan {
  /// One octet; the span checks its bounds. The standard library's own spelling counts as unsafe for any type.
  fileprivate func octet(at offset: Int) -> UInt8 {
    unsafe self.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }
}
