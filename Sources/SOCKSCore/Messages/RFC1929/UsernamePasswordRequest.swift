public import NIOCore

/// A username/password request (RFC 1929 section 2): `01 ulen uname plen passwd`.
public struct UsernamePasswordRequest: Hashable, Sendable {
  /// 0 to 255 octets. The RFC says 1 to 255; an empty field is read, for there are clients that send it, and answered as
  /// a failure like any other wrong password.
  public let username: [UInt8]
  /// 0 to 255 octets.
  public let password: [UInt8]

  /// - Throws: `valueOutOfRange` for a field of more than 255 octets.
  public init(username: [UInt8], password: [UInt8]) throws(SOCKSError) {
    guard username.count <= 255, password.count <= 255 else {
      throw SOCKSError(.valueOutOfRange, "a user name and a password have at most 255 bytes")
    }
    self.username = username
    self.password = password
  }

  /// Reads one request; nil, and nothing consumed, when more octets are needed. At most 513 octets are looked at.
  ///
  /// - Throws: `wrongVersion`.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    var reading = buffer
    guard let version: UInt8 = reading.readInteger() else { return nil }
    try SOCKSVersion.check(version, is: SOCKSVersion.usernamePassword, in: "the username/password request")
    guard let usernameLength: UInt8 = reading.readInteger(),
      let username = reading.readBytes(length: Int(usernameLength)),
      let passwordLength: UInt8 = reading.readInteger(),
      let password = reading.readBytes(length: Int(passwordLength))
    else { return nil }
    buffer = reading
    return try Self(username: username, password: password)
  }

  public func encode(into buffer: inout ByteBuffer) {
    // Both lengths fit one octet by construction.
    buffer.writeMultipleIntegers(SOCKSVersion.usernamePassword, UInt8(clamping: self.username.count))
    buffer.writeBytes(self.username)
    buffer.writeInteger(UInt8(clamping: self.password.count))
    buffer.writeBytes(self.password)
  }
}

extension UsernamePasswordRequest: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Holds neither the password nor the name, which people mistake for each other's field.
  public var description: String { "username/password request (redacted)" }
  public var debugDescription: String { self.description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
