internal import NIOCore

/// An address field with its port (RFC 1928 sections 4 to 6): `ATYP address port`. Valid by construction.
public struct SOCKSAddress: Hashable, Sendable {
  public var host: SOCKSHost
  public var port: UInt16

  public init(host: SOCKSHost, port: UInt16) {
    self.host = host
    self.port = port
  }

  public init(_ address: IPAddress, port: UInt16) {
    self.init(host: .address(address), port: port)
  }

  /// "a port number and address of all zeros", where there is nothing better to say.
  public static let unspecified = Self(.v4(0), port: 0)
}

extension SOCKSAddress: CustomStringConvertible {
  public var description: String {
    if case .address(let address) = self.host, case .v6 = address { return "[\(address)]:\(self.port)" }
    return "\(self.host):\(self.port)"
  }
}

extension SOCKSAddress {
  /// The ATYP octet (RFC 1928 section 5).
  enum AddressType {
    static let v4: UInt8 = 0x01
    static let name: UInt8 = 0x03
    static let v6: UInt8 = 0x04
  }

  /// Reads one address with its port; nil when more octets are needed. On nil or an error the buffer's position is
  /// unspecified: callers read from a copy.
  ///
  /// What a name field says is in the host: also that it names nothing (``SOCKSHost/malformed(_:)``).
  ///
  /// - Throws: `unsupportedAddressType`.
  static func read(from buffer: inout ByteBuffer) throws(SOCKSError) -> Self? {
    guard let type: UInt8 = buffer.readInteger() else { return nil }
    let host: SOCKSHost
    switch type {
    case AddressType.v4:
      guard let value: UInt32 = buffer.readInteger() else { return nil }
      host = .address(.v4(value))
    case AddressType.v6:
      guard let (high, low) = buffer.readMultipleIntegers(as: (UInt64, UInt64).self) else { return nil }
      host = .address(.v6(high: high, low: low))
    case AddressType.name:
      guard let length: UInt8 = buffer.readInteger() else { return nil }
      guard let octets = buffer.readBytes(length: Int(length)) else { return nil }
      host = SOCKSHost(nameField: octets)
    default:  // An address type that RFC 1928 does not have.
      throw SOCKSError(.unsupportedAddressType, "address type \(hexadecimal(type))")
    }
    guard let port: UInt16 = buffer.readInteger() else { return nil }
    return Self(host: host, port: port)
  }

  /// The octets of the address and port that begin at the reader index; nil when more are needed to know.
  ///
  /// - Throws: `unsupportedAddressType`.
  static func length(in buffer: ByteBuffer) throws(SOCKSError) -> Int? {
    guard let type: UInt8 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
    switch type {
    case AddressType.v4: return 1 + 4 + 2
    case AddressType.v6: return 1 + 16 + 2
    case AddressType.name:
      guard let length: UInt8 = buffer.getInteger(at: buffer.readerIndex + 1) else { return nil }
      return 1 + 1 + Int(length) + 2
    default:  // An address type that RFC 1928 does not have.
      throw SOCKSError(.unsupportedAddressType, "address type \(hexadecimal(type))")
    }
  }

  func write(into buffer: inout ByteBuffer) {
    switch self.host {
    case .address(.v4(let value)):
      buffer.writeMultipleIntegers(AddressType.v4, value)
    case .address(.v6(let halves)):
      buffer.writeMultipleIntegers(AddressType.v6, halves.high, halves.low)
    case .name(let name): Self.write(name: name.text.utf8, into: &buffer)
    case .unconverted(let name): Self.write(name: name.text.utf8, into: &buffer)
    case .malformed(let name): Self.write(name: name.bytes, into: &buffer)
    }
    buffer.writeInteger(self.port)
  }

  private static func write(name: some Collection<UInt8>, into buffer: inout ByteBuffer) {
    // At most 255 bytes by construction.
    buffer.writeMultipleIntegers(AddressType.name, UInt8(clamping: name.count))
    buffer.writeBytes(name.prefix(Int(UInt8.max)))
  }
}
