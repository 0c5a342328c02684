/// The encryption types whose wrap tokens are made and opened here: AES with ciphertext stealing and an HMAC.
///
/// Raw values are the assigned numbers (RFC 3962 section 7, RFC 8009 section 8).
public enum EncryptionType: Int32, Hashable, Sendable, CaseIterable {
  /// aes128-cts-hmac-sha1-96
  case aes128SHA1 = 17
  /// aes256-cts-hmac-sha1-96
  case aes256SHA1 = 18
  /// aes128-cts-hmac-sha256-128
  case aes128SHA256 = 19
  /// aes256-cts-hmac-sha384-192
  case aes256SHA384 = 20

  /// Octets of the protocol key, and of the key that seals.
  public var keyLength: Int {
    switch self {
    case .aes128SHA1, .aes128SHA256: 16
    case .aes256SHA1, .aes256SHA384: 32
    }
  }

  /// Octets of the two keys of the HMAC. RFC 8009 section 5: those of type 20 have 192 bits.
  var hashKeyLength: Int {
    switch self {
    case .aes128SHA1, .aes128SHA256: 16
    case .aes256SHA1: 32
    case .aes256SHA384: 24
    }
  }

  /// Octets of the truncated HMAC in a token.
  public var checksumLength: Int {
    switch self {
    case .aes128SHA1, .aes256SHA1: 12
    case .aes128SHA256: 16
    case .aes256SHA384: 24
    }
  }

  /// RFC 8009 authenticates the ciphertext, RFC 3962 the plaintext: then octets are deciphered before they are proved.
  var authenticatesCiphertext: Bool {
    switch self {
    case .aes128SHA1, .aes256SHA1: false
    case .aes128SHA256, .aes256SHA384: true
    }
  }

  /// Octets that a token of ours has beyond its plaintext.
  public func overhead(sealed: Bool) -> Int {
    sealed
      ? TokenHeader.octetCount + SealedShape.minimumCipherLength + checksumLength
      : TokenHeader.octetCount + checksumLength
  }
}
