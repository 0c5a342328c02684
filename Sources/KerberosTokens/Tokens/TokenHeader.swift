/// The header of a wrap token, the sixteen octets before its body (RFC 4121 section 4.2.6.2), as two big-endian words:
/// `05 04 flags ff EC EC RRC RRC` and the message's number.
///
/// A header alone proves nothing. Of an opened token all of it is proved but the rotation count, which Kerberos does not
/// protect.
public struct TokenHeader: Hashable, Sendable {
  /// Octets of the header.
  public static let octetCount = 16

  /// Properties of the token (RFC 4121 section 4.2.2).
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let sentByAcceptor = Flags(rawValue: 0x01)
    public static let sealed = Flags(rawValue: 0x02)
    public static let acceptorSubkey = Flags(rawValue: 0x04)
  }

  /// The first eight octets.
  let description: UInt64

  /// SND_SEQ: the number of this message in its direction.
  public let sequenceNumber: UInt64

  /// - Parameter flags: bits that RFC 4121 reserves are kept, since the checksum covers them.
  public init(flags: Flags, extraCount: UInt16 = 0, rightRotationCount: UInt16 = 0, sequenceNumber: UInt64) {
    description =
      Self.fixedBits | UInt64(flags.rawValue) << 40 | UInt64(extraCount) << 16 | UInt64(rightRotationCount)
    self.sequenceNumber = sequenceNumber
  }

  init(description: UInt64, sequenceNumber: UInt64) {
    self.description = description
    self.sequenceNumber = sequenceNumber
  }

  /// Reads the header at the start of a token.
  ///
  /// - Throws: `tooShort`, `notAWrapToken`.
  public init(reading token: RawSpan) throws(TokenRefusal) {
    guard token.byteCount >= Self.octetCount else { throw .tooShort }
    let description = unsafe UInt64(bigEndian: token.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
    let number = unsafe UInt64(bigEndian: token.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self))
    try self.init(description, number)
  }

  init(_ description: UInt64, _ sequenceNumber: UInt64) throws(TokenRefusal) {
    guard description & Self.fixedMask == Self.fixedBits else { throw .notAWrapToken }
    self.init(description: description, sequenceNumber: sequenceNumber)
  }

  public var flags: Flags { Flags(rawValue: UInt8(description >> 40 & 0xff)) }

  /// EC: octets of checksum behind a signed plaintext, of filler behind a sealed one.
  public var extraCount: UInt16 { UInt16(description >> 16 & 0xffff) }

  /// RRC: octets by which the body is rotated to the right.
  public var rightRotationCount: UInt16 { UInt16(description & 0xffff) }

  /// The form that the checksum of a signed token covers: "with EC and RRC set to zero" (section 4.2.4).
  var checksummed: TokenHeader {
    TokenHeader(description: description & ~Self.countsMask, sequenceNumber: sequenceNumber)
  }

  /// The form that is sealed behind the plaintext: "the RRC field in the to-be-encrypted header contains the hex value 00
  /// 00" (section 4.2.4).
  var sealedCopy: TokenHeader {
    TokenHeader(description: description & ~Self.rotationMask, sequenceNumber: sequenceNumber)
  }

  /// Whether the copy that came sealed says the same: identifier, flags, filler, EC and number. EC counts, or anyone
  /// could shorten a message at will; RRC does not, it may change on the way.
  func agrees(withSealedCopy copy: TokenHeader) -> Bool {
    (description ^ copy.description) & ~Self.rotationMask == 0 && sequenceNumber == copy.sequenceNumber
  }

  /// Identifier 05 04, filler ff.
  private static let fixedBits: UInt64 = 0x0504_00ff_0000_0000
  private static let fixedMask: UInt64 = 0xffff_00ff_0000_0000
  private static let rotationMask: UInt64 = 0x0000_0000_0000_ffff
  private static let countsMask: UInt64 = 0x0000_0000_ffff_ffff
}
