import ProxySession
public import SOCKSCore

/// A gateway as people type it: as ``SOCKSAddress/init(parsing:defaultPort:)``, and with a zone behind an IPv6 literal,
/// `[fe80::1%eth0]:1080` (RFC 4007 section 11).
public struct GatewayAddress: Hashable, Sendable {
  public let address: SOCKSAddress
  /// The interface, by name or number; nil without one.
  public let zone: String?

  /// - Throws: `valueOutOfRange`.
  public init(parsing text: String, defaultPort: UInt16) throws(SOCKSError) {
    guard let percent = text.firstIndex(of: "%") else {
      self.zone = nil
      self.address = try SOCKSAddress(parsing: text, defaultPort: defaultPort)
      // fe80::/10: on every interface there is such a network.
      guard case .address(.v6(let halves)) = self.address.host, halves.high >> 54 == 0xfe80 >> 6 else { return }
      throw SOCKSError(
        .valueOutOfRange, "'\(escaped(text))': a link-local address needs its zone, as in [fe80::1%eth0]:1080")
    }
    let end = text[percent...].firstIndex(of: "]") ?? text.endIndex
    let zone = text[text.index(after: percent)..<end]
    let literal = text[..<percent].drop { $0 == "[" }
    guard case .v6? = IPAddress(literal), Self.isZone(zone) else {
      throw SOCKSError(
        .valueOutOfRange, "'\(escaped(text))': a zone (%) is written after an IPv6 address, as in [fe80::1%eth0]:1080")
    }
    self.zone = String(zone)
    self.address = try SOCKSAddress(parsing: String(text[..<percent] + text[end...]), defaultPort: defaultPort)
  }

  /// Names of interfaces have at most 15 bytes, and neither white space nor a slash.
  private static func isZone(_ zone: Substring) -> Bool {
    (1...15).contains(zone.utf8.count) && zone.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x25 }
  }
}

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
