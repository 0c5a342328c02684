import NIOCore
import SOCKSCore

/// The header of a datagram (RFC 1928 section 7), read in two parts: the address is looked at only where it is a new one.
enum DatagramHeader {
  static func take(
    from datagram: inout ByteBuffer
  ) throws(DatagramDrop) -> (fragment: UInt8, destination: ByteBuffer) {
    do throws(SOCKSError) {
      return try UDPRequestHeader.takeHeader(from: &datagram)
    } catch {
      throw .malformedHeader
    }
  }

  static func address(_ field: ByteBuffer) throws(DatagramDrop) -> SOCKSAddress {
    do throws(SOCKSError) {
      return try UDPRequestHeader.destination(field)
    } catch {
      throw .malformedHeader
    }
  }
}
