/// A Kerberos principal: components and realm, as octets.
///
/// Octets, because Swift's strings are equal when they look equal, and Kerberos names are equal only when they are the
/// same octets.
public struct Principal: Hashable, Sendable {
  public let components: [[UInt8]]
  public let realm: [UInt8]

  public init(components: [[UInt8]], realm: [UInt8]) {
    self.components = components
    self.realm = realm
  }

  /// Reads a principal as Kerberos displays it: components behind `/`, the realm behind `@`; `\/`, `\@`, `\\`, `\n`,
  /// `\t`, `\b` and `\0` stand for themselves, line feed, tab, backspace and NUL.
  ///
  /// - Returns: `nil` without a realm, with a second `@`, with a `/` in the realm, or with a `\` at the end.
  public init?(displayed octets: some Sequence<UInt8>) {
    guard let parts = PrincipalSyntax.parse(octets) else { return nil }
    self.init(
      components: parts.components.map { $0.map(\.octet) },
      realm: parts.realm.map(\.octet))
  }

  public init?(_ text: String) {
    self.init(displayed: text.utf8)
  }

  /// The most octets that a displayed name may have.
  public static let maximumDisplayedOctets = 4096

  /// Anonymous tickets (RFC 8062) are for `WELLKNOWN/ANONYMOUS`, in a realm of that kind or in the client's own.
  var isAnonymous: Bool { components == Self.anonymousComponents || realm == Self.anonymousRealm }

  private static let anonymousComponents = [Array("WELLKNOWN".utf8), Array("ANONYMOUS".utf8)]
  private static let anonymousRealm = Array("WELLKNOWN:ANONYMOUS".utf8)
}

extension Principal: CustomStringConvertible {
  /// The name as Kerberos displays it. Control characters and octets that are no UTF-8 cannot spoil a line of log.
  public var description: String {
    components.map(Self.quote).joined(separator: "/") + "@" + Self.quote(realm)
  }

  private static func quote(_ octets: [UInt8]) -> String {
    NameText.escaped(octets, special: ["/", "@", "\\"])
  }
}

/// The syntax that displayed principals and patterns share.
enum PrincipalSyntax {
  /// One octet of a name, and whether it was written behind a `\`.
  struct Character: Hashable {
    let octet: UInt8
    let isEscaped: Bool
  }

  static func parse(_ text: some Sequence<UInt8>) -> (components: [[Character]], realm: [Character])? {
    var parts: [[Character]] = [[]]
    var realm: [Character]?
    var awaitsEscaped = false
    var count = 0
    func append(_ character: Character) {
      if realm == nil { parts[parts.count - 1].append(character) } else { realm?.append(character) }
    }
    for octet in text {
      count += 1
      guard count <= Principal.maximumDisplayedOctets else { return nil }
      if awaitsEscaped {
        awaitsEscaped = false
        append(Character(octet: unescaped(octet), isEscaped: true))
        continue
      }
      switch octet {
      case UInt8(ascii: "\\"):
        awaitsEscaped = true
      case UInt8(ascii: "/"):
        guard realm == nil else { return nil }
        parts.append([])
      case UInt8(ascii: "@"):
        guard realm == nil else { return nil }
        realm = []
      default:
        append(Character(octet: octet, isEscaped: false))
      }
    }
    guard !awaitsEscaped, let realm, !realm.isEmpty else { return nil }
    return (parts, realm)
  }

  static func unescaped(_ octet: UInt8) -> UInt8 {
    switch octet {
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "t"): 0x09
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "0"): 0x00
    default: octet
    }
  }
}
