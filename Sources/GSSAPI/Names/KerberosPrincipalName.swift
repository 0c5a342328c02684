/// A Kerberos principal as people write it: `socks/gw.example.com@EXAMPLE.COM` (RFC 1964 section 2.1.1). Pure.
public struct KerberosPrincipalName: Hashable, Sendable {
  /// The parts between slashes, at least one, none of them empty.
  public let components: [[UInt8]]
  /// The realm; `nil` when the text has none.
  public let realm: [UInt8]?

  /// `nil` for a text that is no principal: an empty part, a second `@`, a slash in the realm, a backslash at the end, more
  /// parts or bytes than ``KerberosTicketServer`` takes.
  public init?(_ text: String) {
    var parts: [[UInt8]] = [[]]
    var isInRealm = false
    var isEscaped = false
    for byte in text.utf8 {
      if isEscaped {
        parts[parts.count - 1].append(Self.unescaped(byte))
        isEscaped = false
        continue
      }
      switch byte {
      case UInt8(ascii: "\\"): isEscaped = true
      case UInt8(ascii: "@"):
        guard !isInRealm else { return nil }
        isInRealm = true
        parts.append([])
      case UInt8(ascii: "/"):
        guard !isInRealm, parts.count < KerberosTicketServer.maximumComponents else { return nil }
        parts.append([])
      case 0: return nil
      default: parts[parts.count - 1].append(byte)
      }
    }
    guard !isEscaped, parts.allSatisfy({ !$0.isEmpty && $0.count <= KerberosTicketServer.maximumLength }) else {
      return nil
    }
    realm = isInRealm ? parts.removeLast() : nil
    components = parts
  }

  init(components: [[UInt8]], realm: [UInt8]?) {
    self.components = components
    self.realm = realm
  }

  func inRealm(_ realm: [UInt8]) -> KerberosPrincipalName {
    KerberosPrincipalName(components: components, realm: realm)
  }

  /// The text for the library, which takes an empty realm behind a final `@` for none.
  var text: String {
    KerberosTicketServer(realm: realm ?? [], nameType: 0, components: components)?.description ?? ""
  }

  private static func unescaped(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "n"): 0x0a
    case UInt8(ascii: "t"): 0x09
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "0"): 0x00
    default: byte
    }
  }
}

extension KerberosPrincipalName: CustomStringConvertible {
  /// The principal as Kerberos writes it. Of any content: escape it where it is shown or logged.
  public var description: String {
    realm == nil ? String(text.dropLast()) : text
  }
}
