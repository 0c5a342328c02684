#if canImport(Glibc)
  internal import Glibc
#endif

/// Host names to addresses, as the system's resolver does it (`getaddrinfo`): hosts file, DNS and all. It blocks.
public enum AddressLookup {
  /// Why a name has no address.
  public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The resolver's code (`EAI_…`).
    public let code: Int32

    /// The resolver's words.
    public var description: String {
      guard let text = unsafe gai_strerror(self.code) else { return "resolver error \(self.code)" }
      return unsafe String(cString: text)
    }
  }

  /// The addresses of a host, four or sixteen octets each, in the resolver's order (RFC 6724), without repetitions.
  ///
  /// - Parameters:
  ///   - name: taken as it is; a name with a NUL octet has no addresses.
  ///   - limit: the most addresses returned.
  public static func addresses(of name: String, limit: Int) throws(Failure) -> [[UInt8]] {
    guard !name.utf8.contains(0) else { throw Failure(code: EAI_NONAME) }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(name, nil, &hints, &list)
    guard code == 0 else { throw Failure(code: code) }
    defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
    var result: [[UInt8]] = []
    var next = unsafe list
    while let entry = unsafe next, result.count < limit {
      if let octets = unsafe octets(of: entry.pointee), !result.contains(octets) { result.append(octets) }
      unsafe next = entry.pointee.ai_next
    }
    return result
  }

  private static func octets(of entry: addrinfo) -> [UInt8]? {
    guard let address = unsafe entry.ai_addr else { return nil }
    switch unsafe entry.ai_family {
    case AF_INET:
      return unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
        unsafe withUnsafeBytes(of: pointer.pointee.sin_addr) { unsafe Array($0) }
      }
    case AF_INET6:
      return unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
        unsafe withUnsafeBytes(of: pointer.pointee.sin6_addr) { unsafe Array($0) }
      }
    default:
      return nil
    }
  }
}
