/// The version octets of the three protocols.
enum SOCKSVersion {
  /// "VER … X'05'" (RFC 1928 section 3)
  static let socks5: UInt8 = 0x05
  /// The version of the username/password subnegotiation (RFC 1929 section 2).
  static let usernamePassword: UInt8 = 0x01
  /// "ver is the protocol version number, here 1" (RFC 1961 section 3.4)
  static let gssapi: UInt8 = 0x01

  static func check(_ octet: UInt8, is expected: UInt8, in message: String) throws(SOCKSError) {
    guard octet == expected else {
      throw SOCKSError(.wrongVersion, "\(message) begins with \(hexadecimal(octet)), not \(hexadecimal(expected))")
    }
  }
}

/// `0x05`, for messages.
func hexadecimal(_ octet: UInt8) -> String {
  let digits = String(octet, radix: 16)
  return digits.utf8.count < 2 ? "0x0\(digits)" : "0x\(digits)"
}
