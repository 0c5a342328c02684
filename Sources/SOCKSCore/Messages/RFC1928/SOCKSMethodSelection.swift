public import NIOCore

/// The server's METHOD selection message (RFC 1928 section 3): `05 method`.
public struct SOCKSMethodSelection: Hashable, Sendable {
  public var method: SOCKSMethod

  public init(method: SOCKSMethod) { self.method = method }

  /// Reads one selection; nil, and nothing consumed, when more octets are needed.
  ///
  /// - Throws: `wrongVersion`.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    var reading = buffer
    guard let version: UInt8 = reading.readInteger() else { return nil }
    try SOCKSVersion.check(version, is: SOCKSVersion.socks5, in: "the method selection")
    guard let method: UInt8 = reading.readInteger() else { return nil }
    buffer = reading
    return Self(method: SOCKSMethod(rawValue: method))
  }

  public func encode(into buffer: inout ByteBuffer) {
    buffer.writeBytes([SOCKSVersion.socks5, self.method.rawValue])
  }
}
