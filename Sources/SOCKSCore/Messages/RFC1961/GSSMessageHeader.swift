public import NIOCore

/// What precedes the token of a message (RFC 1961 section 3.4), or a whole abort.
public enum GSSMessageHeader: Hashable, Sendable {
  /// The type is never `abort`; the length is 0 to 65,535.
  case message(GSSMessageType, tokenLength: Int)
  case abort

  /// The abort is "ver mtyp" and nothing else (RFC 1961 section 3.8).
  static let abortLength = 2

  /// Looks at the message that begins `offset` octets behind the reader index, and consumes nothing; nil when more
  /// octets are needed. Two octets decide whether a length follows.
  ///
  /// - Throws: as ``GSSMessage/decode(from:)``.
  public static func peek(in buffer: ByteBuffer, at offset: Int = 0) throws(SOCKSError) -> Self? {
    let start = buffer.readerIndex + offset
    guard let version: UInt8 = buffer.getInteger(at: start) else { return nil }
    guard version != SOCKSVersion.socks5 else {
      throw SOCKSError(.unprotectedRequest, "an unprotected SOCKS message arrived instead of a GSS-API message")
    }
    try SOCKSVersion.check(version, is: SOCKSVersion.gssapi, in: "the GSS-API message")
    guard let typeOctet: UInt8 = buffer.getInteger(at: start + 1) else { return nil }
    guard let type = GSSMessageType(rawValue: typeOctet) else {
      throw SOCKSError(.malformedMessage, "the GSS-API message has the unknown type \(hexadecimal(typeOctet))")
    }
    guard type != .abort else { return .abort }
    guard let length: UInt16 = buffer.getInteger(at: start + 2) else { return nil }
    return .message(type, tokenLength: Int(length))
  }

  /// Leaves room for the header of an encapsulated message whose token is written next.
  public static func reserveEncapsulation(in buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(SOCKSVersion.gssapi, GSSMessageType.encapsulation.rawValue, UInt16(0))
  }

  /// Fills in the length of the encapsulated message that begins at the index `start` and ends with the buffer.
  ///
  /// - Throws: `protectionFailed` for a token of no octets, or of more than 65,535.
  public static func completeEncapsulation(at start: Int, in buffer: inout ByteBuffer) throws(SOCKSError) {
    let length = try Self.checkedLength(buffer.writerIndex - start - GSSMessage.headerLength)
    buffer.setInteger(length, at: start + 2)
  }

  /// Writes the header of an encapsulated message over what is at the index `start`.
  ///
  /// - Throws: `protectionFailed` for a token of no octets, or of more than 65,535.
  public static func setEncapsulation(
    tokenLength: Int, at start: Int, in buffer: inout ByteBuffer
  ) throws(SOCKSError) {
    let length = try Self.checkedLength(tokenLength)
    buffer.setMultipleIntegers(
      SOCKSVersion.gssapi, GSSMessageType.encapsulation.rawValue, length, at: start)
  }

  private static func checkedLength(_ tokenLength: Int) throws(SOCKSError) -> UInt16 {
    guard tokenLength > 0, let length = UInt16(exactly: tokenLength) else {
      throw SOCKSError(.protectionFailed, "a token of \(tokenLength) bytes does not fit into a message")
    }
    return length
  }
}
