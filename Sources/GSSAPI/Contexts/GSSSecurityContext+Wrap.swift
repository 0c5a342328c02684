internal import CGSSAPI

extension GSSSecurityContext {
  /// Protects one message (RFC 2743 section 2.3.3) and appends its token to `output`.
  ///
  /// - Parameters:
  ///   - plaintext: the message; it may be empty.
  ///   - confidential: whether to seal it; else it is signed.
  ///   - output: needs room for the plaintext and what the token adds (28 to 72 octets with Kerberos). With too
  ///     little room this is a misuse, and no message number is spent.
  /// - Returns: whether the message was sealed. A caller that asked for it must check.
  public mutating func wrap(
    _ plaintext: RawSpan, confidential: Bool, into output: inout OutputRawSpan
  ) throws(GSSError) -> Bool {
    guard output.freeCapacity - plaintext.byteCount >= (try overhead(confidential: confidential)) else {
      throw .misuse("GSSSecurityContext.wrap", "too little room for the token")
    }
    var token = LibraryBuffer()
    let sealed = try wrap(plaintext, confidential: confidential, &token)
    guard token.append(to: &output) else { throw GSSError(code: .unexpectedAnswer, operation: "gss_wrap") }
    return sealed
  }

  /// Protects one message. See ``wrap(_:confidential:into:)``.
  public mutating func wrap(
    _ plaintext: [UInt8], confidential: Bool
  ) throws(GSSError) -> (token: [UInt8], confidential: Bool) {
    var token = LibraryBuffer()
    let sealed = unsafe try wrap(plaintext.span.bytes, confidential: confidential, &token)
    return (token.octets(), sealed)
  }

  private mutating func wrap(
    _ plaintext: RawSpan, confidential: Bool, _ token: inout LibraryBuffer
  ) throws(GSSError) -> Bool {
    var minor: OM_uint32 = 0
    var sealed: Int32 = 0
    let major = unsafe plaintext.withUnsafeBytes { bytes in
      var input = unsafe gss_buffer_desc(lending: bytes)
      return unsafe gss_wrap(
        &minor, handle.raw, confidential ? 1 : 0, UInt32(GSS_C_QOP_DEFAULT), &input, &sealed, &token.descriptor)
    }
    try GSSError.check("gss_wrap", major, minor, innerMechanism)
    return sealed != 0
  }
}
