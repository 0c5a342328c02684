#if canImport(Glibc)
  internal import Glibc
#endif

/// Other names of a host, as the system's resolver has them. Whatever answers DNS chooses them: for messages only.
public enum HostNames {
  /// The most addresses whose names are asked for.
  private static let maximumAddresses = 2

  /// The canonical name and the names of the first addresses, without the name asked about, without repetitions, without
  /// final dots. Blocks.
  public static func ofAddresses(of name: String) -> [String] {
    guard !name.utf8.contains(0) else { return [] }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_CANONNAME
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(name, nil, &hints, &list) == 0, let list = unsafe list else { return [] }
    defer { unsafe freeaddrinfo(list) }
    var names: [String] = []
    if let canonical = unsafe list.pointee.ai_canonname { unsafe names.append(String(cString: canonical)) }
    var next: UnsafeMutablePointer<addrinfo>? = unsafe list
    for _ in 0..<maximumAddresses {
      guard let entry = unsafe next else { break }
      if let reverse = unsafe nameOfAddress(entry.pointee) { names.append(reverse) }
      unsafe next = entry.pointee.ai_next
    }
    var result: [String] = []
    for other in names.map(folded) where other != folded(name) && !other.isEmpty && !result.contains(other) {
      result.append(other)
    }
    return result
  }

  private static func nameOfAddress(_ entry: addrinfo) -> String? {
    // A name of DNS has at most 255 bytes; `NI_MAXHOST` is this.
    var text = [CChar](repeating: 0, count: 1_025)
    let code = unsafe text.withUnsafeMutableBufferPointer { buffer in
      unsafe getnameinfo(
        entry.ai_addr, entry.ai_addrlen, buffer.baseAddress, socklen_t(clamping: buffer.count), nil, 0, NI_NAMEREQD)
    }
    guard code == 0 else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func folded(_ name: String) -> String {
    let name = name.lowercased()
    return name.hasSuffix(".") ? String(name.dropLast()) : name
  }
}
