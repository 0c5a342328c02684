/// Where things lie in a sealed token whose rotation is undone: header, ciphertext, checksum. What is ciphered is
/// `confounder | plaintext | filler | header` (RFC 4121 section 4.2.4).
struct SealedShape: Hashable {
  static let confounderLength = 16
  /// Confounder and header: two blocks, so that ciphertext stealing always has one to steal from.
  static let minimumCipherLength = confounderLength + TokenHeader.octetCount

  /// Octets of the ciphertext, which begins behind the header.
  let cipherLength: Int
  /// Octets of the plaintext, which begins behind the confounder.
  let plaintextLength: Int
  let checksumLength: Int

  /// A token to be made; it has no filler.
  init(plaintextLength: Int, type: EncryptionType) {
    self.plaintextLength = plaintextLength
    cipherLength = plaintextLength + Self.minimumCipherLength
    checksumLength = type.checksumLength
  }

  /// A token that came.
  init(tokenLength: Int, header: TokenHeader, type: EncryptionType) throws(TokenRefusal) {
    let cipherLength = tokenLength - TokenHeader.octetCount - type.checksumLength
    guard cipherLength >= Self.minimumCipherLength else { throw .tooShort }
    let plaintextLength = cipherLength - Self.minimumCipherLength - Int(header.extraCount)
    guard plaintextLength >= 0 else { throw .wrongExtraCount }
    self.cipherLength = cipherLength
    self.plaintextLength = plaintextLength
    checksumLength = type.checksumLength
  }

  var cipherStart: Int { TokenHeader.octetCount }
  var plaintextStart: Int { cipherStart + Self.confounderLength }
  var checksumStart: Int { cipherStart + cipherLength }
  var headerCopyStart: Int { checksumStart - TokenHeader.octetCount }
  var tokenLength: Int { checksumStart + checksumLength }
  var stealing: CiphertextStealing { CiphertextStealing(start: cipherStart, length: cipherLength) }
}
