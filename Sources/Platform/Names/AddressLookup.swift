#if canImport(Glibc)
  internal import Glibc
#endif

/// Host names to addresses, by the system's resolver (`getaddrinfo`): DNS, and whatever else nsswitch.conf names for hosts.
/// It blocks.
///
/// Each name is asked for as it is, with a final dot. Without one the resolver appends domains that resolv.conf
/// (`search`, `domain`, `ndots`) or the environment (`LOCALDOMAIN`, `RES_OPTIONS`, `HOSTALIASES`) tell it to, and answers
/// for another name than the one that rules have judged. With one it leaves out `/etc/hosts`, for which there is
/// ``HostsFile``.
public enum AddressLookup {
  /// Why a name has no address.
  public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The resolver's code (`EAI_…`).
    public let code: Int32
    /// What the process or the machine had run out of meanwhile (`EMFILE`, `ENFILE`, `ENOMEM`, `ENOBUFS`), if anything.
    /// Without a descriptor to ask with, glibc reports that there is no such name.
    public let shortage: Int32?

    init(code: Int32, systemError: Int32 = 0) {
      self.code = code
      self.shortage = [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(systemError) ? systemError : nil
    }

    /// Whether this is an answer: there is no such name, or it has no address. Otherwise nobody could say.
    public var isAnswer: Bool {
      guard self.shortage == nil else { return false }
      // The latter two: EAI_NODATA and EAI_ADDRFAMILY, which are extensions of glibc.
      return [EAI_NONAME, -5, -9].contains(self.code)
    }

    /// The resolver's text, or the system's for what had run out.
    public var description: String {
      if let shortage { return SystemError(code: shortage).description }
      guard let text = unsafe gai_strerror(self.code) else { return "resolver error \(self.code)" }
      return unsafe String(cString: text)
    }
  }

  /// The addresses of a host, four or sixteen octets each, in the resolver's order (RFC 6724), without repetitions.
  ///
  /// - Parameters:
  ///   - name: a complete name, with or without a final dot. An empty one, or one with a NUL, has no addresses.
  ///   - limit: the most addresses returned.
  public static func addresses(of name: String, limit: Int) throws(Failure) -> [[UInt8]] {
    guard !name.isEmpty, !name.utf8.contains(0) else { throw Failure(code: EAI_NONAME) }
    let absolute = name.utf8.last == UInt8(ascii: ".") ? name : name + "."
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    errno = 0
    let code = unsafe getaddrinfo(absolute, nil, &hints, &list)
    guard code == 0 else { throw Failure(code: code, systemError: errno) }
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
