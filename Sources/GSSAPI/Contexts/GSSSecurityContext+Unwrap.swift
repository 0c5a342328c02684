internal import CGSSAPI

extension GSSSecurityContext {
  /// Opens one token (RFC 2743 section 2.3.4) and appends its plaintext to `output`.
  ///
  /// - Parameters:
  ///   - token: the token. Its octets are destroyed: the library scrambles those of a signed message, which is why
  ///     they are taken as mutable memory that nothing else can share.
  ///   - output: needs room for as many octets as the token has. With less this is a misuse, and the token is whole.
  /// - Returns: what was found. Check all of it: a message that was repeated, or came out of order, is returned too.
  public mutating func unwrap(
    _ token: inout MutableRawSpan, into output: inout OutputRawSpan
  ) throws(GSSError) -> GSSUnwrapped {
    guard output.freeCapacity >= token.byteCount else {
      throw .misuse("GSSSecurityContext.unwrap", "too little room for the plaintext")
    }
    var plaintext = LibraryBuffer()
    let message = try unwrap(&token, &plaintext)
    guard plaintext.append(to: &output) else { throw GSSError(code: .unexpectedAnswer, operation: "gss_unwrap") }
    return message
  }

  /// Opens one token; the array given is left as it is. See ``unwrap(_:into:)``.
  public mutating func unwrap(_ token: [UInt8]) throws(GSSError) -> (plaintext: [UInt8], message: GSSUnwrapped) {
    // Taking the mutable span makes this copy the only owner of its storage before the library writes there.
    var copy = token
    var span = copy.mutableSpan
    var octets = unsafe span.mutableBytes
    var plaintext = LibraryBuffer()
    let message = try unwrap(&octets, &plaintext)
    return (plaintext.octets(), message)
  }

  private mutating func unwrap(
    _ token: inout MutableRawSpan, _ plaintext: inout LibraryBuffer
  ) throws(GSSError) -> GSSUnwrapped {
    // Read now, because the library destroys it; believed only once the token has proved authentic.
    let header = innerMechanism == .krb5 ? KerberosTokenHeader(token.bytes) : nil
    var minor: OM_uint32 = 0
    var sealed: Int32 = 0
    let major = unsafe token.withUnsafeMutableBytes { bytes in
      var input = unsafe gss_buffer_desc(length: bytes.count, value: bytes.baseAddress)
      return unsafe gss_unwrap(&minor, handle.raw, &input, &plaintext.descriptor, &sealed, nil)
    }
    try GSSError.check("gss_unwrap", major, minor, innerMechanism)
    return GSSUnwrapped(
      plaintextLength: plaintext.count, confidential: sealed != 0,
      status: GSSSupplementaryStatus(rawValue: cgssapi_supplementary(major)), sequenceNumber: header?.sequenceNumber)
  }
}
