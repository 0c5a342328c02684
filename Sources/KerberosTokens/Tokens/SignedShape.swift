/// Where things lie in a signed token whose rotation is undone: header, plaintext, checksum. The checksum covers
/// `plaintext | header` (RFC 4121 section 4.2.4), so a copy of the header follows the plaintext while it is computed.
struct SignedShape: Hashable {
  let plaintextLength: Int
  let checksumLength: Int

  /// A token to be made.
  init(plaintextLength: Int, type: EncryptionType) {
    self.plaintextLength = plaintextLength
    checksumLength = type.checksumLength
  }

  /// A token that came.
  init(tokenLength: Int, header: TokenHeader, type: EncryptionType) throws(TokenRefusal) {
    let plaintextLength = tokenLength - TokenHeader.octetCount - type.checksumLength
    guard plaintextLength >= 0 else { throw .tooShort }
    guard Int(header.extraCount) == type.checksumLength else { throw .wrongExtraCount }
    self.plaintextLength = plaintextLength
    checksumLength = type.checksumLength
  }

  var plaintextStart: Int { TokenHeader.octetCount }
  var checksumStart: Int { plaintextStart + plaintextLength }
  var checksummedLength: Int { plaintextLength + TokenHeader.octetCount }
  var tokenLength: Int { checksumStart + checksumLength }
}
