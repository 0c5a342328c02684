public import NIOCore

/// The answer to a username/password request (RFC 1929 section 2): `01 status`.
public struct UsernamePasswordResponse: Hashable, Sendable {
  /// "A STATUS field of X'00' indicates success."
  public var status: UInt8

  public init(status: UInt8) { self.status = status }

  public static let success = Self(status: 0x00)
  public static let failure = Self(status: 0x01)

  public var isSuccess: Bool { self.status == 0x00 }

  /// Reads one response; nil, and nothing consumed, when more octets are needed.
  ///
  /// - Throws: `wrongVersion`.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    var reading = buffer
    guard let version: UInt8 = reading.readInteger() else { return nil }
    try SOCKSVersion.check(version, is: SOCKSVersion.usernamePassword, in: "the username/password response")
    guard let status: UInt8 = reading.readInteger() else { return nil }
    buffer = reading
    return Self(status: status)
  }

  public func encode(into buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(SOCKSVersion.usernamePassword, self.status)
  }
}
