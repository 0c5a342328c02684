public import NIOCore

/// A request (RFC 1928 section 4): `05 cmd 00 atyp dst.addr dst.port`.
public struct SOCKSRequest: Hashable, Sendable {
  /// Any value can be read; whether it is served is decided later (reply X'07').
  public var command: SOCKSCommand
  public var destination: SOCKSAddress

  public init(command: SOCKSCommand, destination: SOCKSAddress) {
    self.command = command
    self.destination = destination
  }

  /// Reads one request; nil, and nothing consumed, when more octets are needed. At most 262 octets are looked at.
  ///
  /// - Throws: `wrongVersion`, `malformedMessage`, `unsupportedAddressType`.
  public static func decode(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    var reading = buffer
    guard let version: UInt8 = reading.readInteger() else { return nil }
    try SOCKSVersion.check(version, is: SOCKSVersion.socks5, in: "the request")
    guard let command: UInt8 = reading.readInteger() else { return nil }
    guard let reserved: UInt8 = reading.readInteger() else { return nil }
    // "Fields marked RESERVED (RSV) must be set to X'00'."
    guard reserved == 0x00 else {
      throw SOCKSError(.malformedMessage, "the request's reserved byte is \(hexadecimal(reserved))")
    }
    guard let destination = try SOCKSAddress.read(from: &reading) else { return nil }
    buffer = reading
    return Self(command: SOCKSCommand(rawValue: command), destination: destination)
  }

  public func encode(into buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(SOCKSVersion.socks5, self.command.rawValue, UInt8(0x00))
    self.destination.write(into: &buffer)
  }
}
