public import NIOCore

/// A message of RFC 1961: `ver mtyp len token`, or the two octets of an abort.
public enum GSSMessage: Hashable, Sendable {
  /// `01 01 len token`; an empty token is "ready" (RFC 1961 section 3.6)
  case authentication(token: ByteBuffer)
  /// `01 02 len token`
  case protectionLevel(token: ByteBuffer)
  /// `01 03 len token`
  case encapsulation(token: ByteBuffer)
  /// `01 ff`
  case abort

  /// "up to 2^16 - 1 octets"
  public static let maximumTokenLength = 65_535

  /// The octets before the token: version, type and two of length.
  public static let headerLength = 4

  public var type: GSSMessageType {
    switch self {
    case .authentication: .authentication
    case .protectionLevel: .protectionLevel
    case .encapsulation: .encapsulation
    case .abort: .abort
    }
  }

  /// Reads one message; nil, and nothing consumed, when more octets are needed. The token shares the buffer's storage.
  ///
  /// Version and type are checked as soon as they are there; the buffer never has to hold more than 65,539 octets.
  ///
  /// - Throws: `clearMessageWhereProtectionIsDue` when the first octet is that of a SOCKS message; `wrongVersion`;
  ///   `malformedMessage` for an unknown type.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    guard let header = try GSSMessageHeader.peek(in: buffer) else { return nil }
    switch header {
    case .abort:
      buffer.moveReaderIndex(forwardBy: GSSMessageHeader.abortLength)
      return .abort
    case .message(let type, let tokenLength):
      var reading = buffer
      guard reading.readSlice(length: Self.headerLength) != nil, let token = reading.readSlice(length: tokenLength)
      else { return nil }
      buffer = reading
      switch type {
      case .authentication: return .authentication(token: token)
      case .protectionLevel: return .protectionLevel(token: token)
      case .encapsulation: return .encapsulation(token: token)
      case .abort: return .abort
      }
    }
  }

  /// - Throws: `tokenTooLong` for a token of more than 65,535 bytes.
  public func encode(into buffer: inout ByteBuffer) throws(SOCKSError) {
    switch self {
    case .abort:
      buffer.writeMultipleIntegers(SOCKSVersion.gssapi, GSSMessageType.abort.rawValue)
    case .authentication(let token), .protectionLevel(let token), .encapsulation(let token):
      guard let length = UInt16(exactly: token.readableBytes) else {
        throw SOCKSError(
          .tokenTooLong,
          "the Kerberos message has \(token.readableBytes) bytes, and SOCKS carries at most "
            + "\(Self.maximumTokenLength) (RFC 1961 section 3.4)")
      }
      buffer.writeMultipleIntegers(SOCKSVersion.gssapi, self.type.rawValue, length)
      buffer.writeImmutableBuffer(token)
    }
  }
}
