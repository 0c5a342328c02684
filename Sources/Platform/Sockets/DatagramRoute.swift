internal import Glibc

/// Whether the system would send a datagram to an address: asked by connecting a UDP socket, which sends nothing.
public enum DatagramRoute {
  /// Asks for one address.
  ///
  /// - Parameters:
  ///   - octets: four or sixteen, in network order.
  ///   - port: not zero: to that port nothing can be sent.
  /// - Throws: what the system says: no route, a broadcast address, a family that it does not have, no descriptor left.
  public static func check(_ octets: [UInt8], port: UInt16) throws(SystemError) {
    guard port != 0 else { throw SystemError(code: EINVAL) }
    switch octets.count {
    case 4:
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &address.sin_addr) { unsafe $0.copyBytes(from: octets) }
      try unsafe withUnsafeBytes(of: &address) { bytes throws(SystemError) in
        try unsafe Self.connect(AF_INET, bytes)
      }
    case 16:
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0.copyBytes(from: octets) }
      try unsafe withUnsafeBytes(of: &address) { bytes throws(SystemError) in
        try unsafe Self.connect(AF_INET6, bytes)
      }
    default:
      throw SystemError(code: EAFNOSUPPORT)
    }
  }

  private static func connect(_ family: Int32, _ address: UnsafeRawBufferPointer) throws(SystemError) {
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, type, 0)
    guard descriptor >= 0 else { throw SystemError.last }
    defer { close(descriptor) }
    guard let start = address.baseAddress else { throw SystemError(code: EINVAL) }
    let pointer = unsafe start.assumingMemoryBound(to: sockaddr.self)
    guard unsafe Glibc.connect(descriptor, pointer, socklen_t(address.count)) == 0 else { throw SystemError.last }
  }
}
