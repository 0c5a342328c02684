public import NIOCore

/// The client's version identifier/method selection message (RFC 1928 section 3): `05 nmethods methods`.
public struct SOCKSMethodOffer: Hashable, Sendable {
  /// 1 to 255 methods, in the client's order.
  public let methods: [SOCKSMethod]

  /// - Throws: `valueOutOfRange` unless there are 1 to 255 methods.
  public init(methods: [SOCKSMethod]) throws(SOCKSError) {
    guard (1...255).contains(methods.count) else {
      throw SOCKSError(.valueOutOfRange, "a method offer holds 1 to 255 methods, not \(methods.count)")
    }
    self.methods = methods
  }

  /// Reads one offer; nil, and nothing consumed, when more octets are needed.
  ///
  /// - Throws: `wrongVersion`; `malformedMessage` for an offer without methods.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    var reading = buffer
    guard let version: UInt8 = reading.readInteger() else { return nil }
    try SOCKSVersion.check(version, is: SOCKSVersion.socks5, in: "the greeting")
    guard let count: UInt8 = reading.readInteger() else { return nil }
    guard count > 0 else { throw SOCKSError(.malformedMessage, "the greeting offers no method") }
    guard let octets = reading.readBytes(length: Int(count)) else { return nil }
    buffer = reading
    return try Self(methods: octets.map(SOCKSMethod.init(rawValue:)))
  }

  public func encode(into buffer: inout ByteBuffer) {
    // The count fits one octet by construction.
    buffer.writeBytes([SOCKSVersion.socks5, UInt8(clamping: self.methods.count)])
    buffer.writeBytes(self.methods.lazy.map(\.rawValue))
  }
}
