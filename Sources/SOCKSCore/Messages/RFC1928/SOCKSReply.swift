public import NIOCore

/// A reply (RFC 1928 section 6): `05 rep 00 atyp bnd.addr bnd.port`.
public struct SOCKSReply: Hashable, Sendable {
  public var code: SOCKSReplyCode
  /// The server's bound address; all zeros in a failure.
  public var bound: SOCKSAddress

  public init(code: SOCKSReplyCode, bound: SOCKSAddress = .unspecified) {
    self.code = code
    self.bound = bound
  }

  /// Reads one reply; nil, and nothing consumed, when more octets are needed. At most 262 octets are looked at.
  ///
  /// The reserved octet of a reply is not looked at: servers in the field are careless with it, and it means nothing. Nor
  /// is the address of a failure that cannot be read: the code is what the client has to know. All that came is consumed then.
  ///
  /// - Throws: `wrongVersion`, `malformedMessage`, `unsupportedAddressType`.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    var reading = buffer
    guard let version: UInt8 = reading.readInteger() else { return nil }
    try SOCKSVersion.check(version, is: SOCKSVersion.socks5, in: "the reply")
    guard let (code, _) = reading.readMultipleIntegers(as: (UInt8, UInt8).self) else { return nil }
    let replyCode = SOCKSReplyCode(rawValue: code)
    do throws(SOCKSError) {
      guard let bound = try SOCKSAddress.read(from: &reading) else { return nil }
      switch bound.host {
      case .address, .name: break
      case .unconverted, .malformed: throw SOCKSError(.malformedMessage, "the reply's address is no name of a host")
      }
      buffer = reading
      return Self(code: replyCode, bound: bound)
    } catch {
      guard replyCode != .succeeded else { throw error }
      buffer.moveReaderIndex(to: buffer.writerIndex)
      return Self(code: replyCode)
    }
  }

  public func encode(into buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(SOCKSVersion.socks5, self.code.rawValue, UInt8(0x00))
    self.bound.write(into: &buffer)
  }
}
