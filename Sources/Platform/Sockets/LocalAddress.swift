internal import Glibc

/// What the kernel knows about the machine's own addresses. Sends nothing, and does not block.
///
/// Addresses are four or sixteen octets in network order.
public enum LocalAddress {
  /// The address that the machine would use towards another one: what its routes say now.
  ///
  /// - Throws: for example `ENETUNREACH` where there is no route.
  public static func towards(_ octets: [UInt8]) throws(SystemError) -> [UInt8] {
    try withDatagramSocket(octets) { descriptor throws(SystemError) in
      // Any port: a datagram socket that is connected has an address, and has sent nothing.
      let target = socketAddress(octets, port: 9)
      guard unsafe call(connect, descriptor, target) == 0 else { throw SystemError.last }
      var own = [UInt8](repeating: 0, count: target.count)
      var length = socklen_t(own.count)
      let result = unsafe own.withUnsafeMutableBytes { buffer in
        unsafe buffer.withMemoryRebound(to: sockaddr.self) { unsafe getsockname(descriptor, $0.baseAddress, &length) }
      }
      guard result == 0 else { throw SystemError.last }
      return Array(own[addressOffset(octets)...].prefix(octets.count))
    }
  }

  /// Whether an address is this machine's now: on a device, or local by a route (all of 127.0.0.0/8).
  ///
  /// - Throws: when the system does not say, for example `EMFILE`: then the address may be its own.
  public static func isOwn(_ octets: [UInt8]) throws(SystemError) -> Bool {
    do throws(SystemError) {
      return try withDatagramSocket(octets) { descriptor throws(SystemError) in
        guard unsafe call(bind, descriptor, socketAddress(octets, port: 0)) == 0 else { throw SystemError.last }
        return true
      }
    } catch {
      switch error.code {
      // Nobody's, of another kind than a socket can have, or of a family that the machine does not have.
      case EADDRNOTAVAIL, EINVAL, ENODEV, EAFNOSUPPORT: return false
      default: throw error
      }
    }
  }

  private static func withDatagramSocket<Result>(
    _ octets: [UInt8], _ body: (CInt) throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    let family = octets.count == 4 ? AF_INET : AF_INET6
    let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError.last }
    defer { close(descriptor) }
    return try body(descriptor)
  }

  private static func call(
    _ function: (CInt, UnsafePointer<sockaddr>?, socklen_t) -> CInt, _ descriptor: CInt, _ address: [UInt8]
  ) -> CInt {
    unsafe address.withUnsafeBytes { buffer in
      unsafe buffer.withMemoryRebound(to: sockaddr.self) {
        unsafe function(descriptor, $0.baseAddress, socklen_t(address.count))
      }
    }
  }

  /// `sockaddr_in` or `sockaddr_in6`: the family in the machine's order, the port in network order, behind it the IPv4
  /// address, or the flow, the IPv6 address and the scope.
  private static func socketAddress(_ octets: [UInt8], port: UInt16) -> [UInt8] {
    let family = UInt16(octets.count == 4 ? AF_INET : AF_INET6).littleEndian
    let head = [0, 8].map { UInt8(family >> UInt16($0) & 0xFF) } + [UInt8(port >> 8), UInt8(port & 0xFF)]
    return octets.count == 4
      ? head + octets + [UInt8](repeating: 0, count: 8) : head + [0, 0, 0, 0] + octets + [0, 0, 0, 0]
  }

  private static func addressOffset(_ octets: [UInt8]) -> Int { octets.count == 4 ? 4 : 8 }
}
