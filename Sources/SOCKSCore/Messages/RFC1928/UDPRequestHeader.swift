public import NIOCore

/// The header of a relayed datagram (RFC 1928 section 7): `0000 frag atyp dst.addr dst.port`, the data behind it.
public struct UDPRequestHeader: Hashable, Sendable {
  /// X'00' for a datagram that is not a fragment; else the position, the high bit marking the last fragment.
  public var fragment: UInt8
  public var destination: SOCKSAddress

  public init(fragment: UInt8 = 0x00, destination: SOCKSAddress) {
    self.fragment = fragment
    self.destination = destination
  }

  /// Reads the header of a whole datagram and leaves its data in the buffer.
  ///
  /// - Throws: `malformedMessage` when the datagram ends inside the header or its reserved bytes are not zero;
  ///   `unsupportedAddressType`.
  public static func decode(from datagram: inout ByteBuffer) throws(SOCKSError) -> Self {
    var reading = datagram
    guard let (reserved, fragment) = reading.readMultipleIntegers(as: (UInt16, UInt8).self),
      let destination = try SOCKSAddress.read(from: &reading)
    else { throw SOCKSError(.malformedMessage, "the datagram ends inside its header") }
    guard reserved == 0x0000 else { throw SOCKSError(.malformedMessage, "the datagram's reserved bytes are not zero") }
    datagram = reading
    return Self(fragment: fragment, destination: destination)
  }

  public func encode(into buffer: inout ByteBuffer) {
    buffer.writeMultipleIntegers(UInt16(0x0000), self.fragment)
    self.destination.write(into: &buffer)
  }

  /// Takes the header off a whole datagram, and returns its address field unchanged: a caller that knows these octets
  /// already need not read them again.
  ///
  /// - Throws: as ``decode(from:)``, but for what is wrong inside a name.
  public static func takeHeader(
    from datagram: inout ByteBuffer
  ) throws(SOCKSError) -> (fragment: UInt8, destination: ByteBuffer) {
    var reading = datagram
    guard let (reserved, fragment) = reading.readMultipleIntegers(as: (UInt16, UInt8).self),
      let length = try SOCKSAddress.length(in: reading), let destination = reading.readSlice(length: length)
    else { throw SOCKSError(.malformedMessage, "the datagram ends inside its header") }
    guard reserved == 0x0000 else { throw SOCKSError(.malformedMessage, "the datagram's reserved bytes are not zero") }
    datagram = reading
    return (fragment, destination)
  }

  /// Reads an address field that ``takeHeader(from:)`` gave back.
  public static func destination(_ octets: ByteBuffer) throws(SOCKSError) -> SOCKSAddress {
    var reading = octets
    guard let address = try SOCKSAddress.read(from: &reading) else {
      throw SOCKSError(.malformedMessage, "the address field is cut")
    }
    return address
  }
}
