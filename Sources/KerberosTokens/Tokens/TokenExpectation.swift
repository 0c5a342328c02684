/// What the header of every token of one direction must say, whatever its message; checked before any cryptography.
struct TokenExpectation: Hashable {
  /// The most octets of a token: what the length field of an RFC 1961 message can say.
  static let maximumTokenLength = 65_535

  let type: EncryptionType
  let sentByAcceptor: Bool
  let acceptorSubkey: Bool

  /// The flags of a token that we send.
  func flags(sealed: Bool) -> TokenHeader.Flags {
    var flags: TokenHeader.Flags = []
    if sentByAcceptor { flags.insert(.sentByAcceptor) }
    if acceptorSubkey { flags.insert(.acceptorSubkey) }
    if sealed { flags.insert(.sealed) }
    return flags
  }

  /// The header of a token that we send. A signed token's EC is the checksum's length, a sealed one has no filler.
  func header(sealed: Bool, sequenceNumber: UInt64) -> TokenHeader {
    TokenHeader(
      flags: flags(sealed: sealed), extraCount: sealed ? 0 : UInt16(clamping: type.checksumLength),
      sequenceNumber: sequenceNumber)
  }

  /// Judges a header that came. Flag bits that are reserved are let through: receivers "MUST ignore" them (section
  /// 4.2.2), and the checksum covers them.
  func verify(_ header: TokenHeader) throws(TokenRefusal) {
    guard header.flags.contains(.sentByAcceptor) == sentByAcceptor else { throw .wrongDirection }
    guard header.flags.contains(.acceptorSubkey) == acceptorSubkey else { throw .wrongKey }
  }
}
