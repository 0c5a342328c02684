import ProxySession
public import SOCKSCore

extension SOCKSAddress {
  /// An address as people type it: `host:port`, `192.0.2.1:1080`, `[2001:db8::1]:1080`; without a port the default one.
  /// An IPv6 literal with a port needs brackets.
  ///
  /// - Throws: `valueOutOfRange`.
  public init(parsing text: String, defaultPort: UInt16) throws(SOCKSError) {
    let (host, port) = Self.split(text)
    guard let host else { throw SOCKSError(.valueOutOfRange, "'\(escaped(text))' is not HOST:PORT") }
    guard let port = port.map({ UInt16(decimal: $0) }) ?? defaultPort else {
      throw SOCKSError(.valueOutOfRange, "'\(escaped(text))' does not end in a port from 0 to 65535")
    }
    let isBracketed = text.hasPrefix("[")
    let parsed: SOCKSHost
    do throws(SOCKSError) {
      parsed = try SOCKSAddress(host: SOCKSHost(String(host)), port: port).converted().host
    } catch {
      throw SOCKSError(.valueOutOfRange, error.detail)
    }
    if isBracketed, case .name = parsed {
      throw SOCKSError(.valueOutOfRange, "'\(escaped(host))' is not an IPv6 address")
    }
    self.init(host: parsed, port: port)
  }

  private static func split(_ text: String) -> (host: Substring?, port: Substring?) {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return (nil, nil) }
      let host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if rest.isEmpty { return (host, nil) }
      return rest.hasPrefix(":") ? (host, rest.dropFirst()) : (nil, nil)
    }
    guard let colon = text.lastIndex(of: ":"), IPAddress(text) == nil else { return (text[...], nil) }
    let host = text[..<colon]
    return host.contains(":") ? (nil, nil) : (host, text[text.index(after: colon)...])
  }
}

extension UInt16 {
  /// A number in plain decimal digits: no sign, no space.
  public init?(decimal text: some StringProtocol) {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(text)
  }
}
