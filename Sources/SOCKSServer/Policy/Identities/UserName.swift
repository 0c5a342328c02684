import SOCKSCore

/// The name of a user who has given a password (RFC 1929): 1 to 255 octets of any value, compared octet by octet.
public struct UserName: Hashable, Sendable {
  public let octets: [UInt8]

  /// - Returns: `nil` for an empty name and for one that no request can hold.
  public init?(_ octets: [UInt8]) {
    guard (1...Self.maximumOctets).contains(octets.count) else { return nil }
    self.octets = octets
  }

  /// What a length octet can say (RFC 1929 section 2).
  public static let maximumOctets = 255
}

extension UserName: CustomStringConvertible {
  /// The name as a rule has to write it behind `user:`. What divides a principal (`@`, `/`), what means something in a
  /// pattern (`*`, `\`) and what would spoil a line of log is escaped.
  public var description: String {
    NameText.escaped(self.octets, special: ["/", "@", "\\", "*"])
  }
}

/// Users by pattern: `alice`, `*`, `build-*`.
///
/// `*` matches any bytes, also none; `\*`, `\@`, `\/` and `\\` are the characters themselves. An `@` or `/`
/// without a `\` is refused: such a pattern looks like one for principals, and users are never principals.
public struct UserPattern: Hashable, Sendable {
  private let name: OctetPattern

  /// Reads what follows `user:`.
  public init(parsing text: some StringProtocol) throws(ValueError) {
    var characters: [PrincipalSyntax.Character] = []
    var isEscaped = false
    for octet in text.utf8 {
      switch octet {
      case _ where isEscaped:
        characters.append(.init(octet: PrincipalSyntax.unescaped(octet), isEscaped: true))
        isEscaped = false
      case UInt8(ascii: "\\"):
        isEscaped = true
      case UInt8(ascii: "@"), UInt8(ascii: "/"):
        throw ValueError(
          "user:… is a user of the password file, never a principal; if \(quoted(text)) is meant, write \\@ and \\/ in it"
        )
      default:
        characters.append(.init(octet: octet, isEscaped: false))
      }
    }
    guard !isEscaped, (1...UserName.maximumOctets).contains(characters.count) else {
      throw ValueError("expected a user such as user:alice, or user:* for all of them, not \(quoted("user:" + text))")
    }
    self.name = OctetPattern(characters)
  }

  public func matches(_ user: UserName) -> Bool { self.name.matches(user.octets) }

  /// The only user that matches, where there is just one.
  var literal: UserName? { self.name.literal.flatMap(UserName.init) }

  /// Whether every user of another pattern certainly matches this one.
  func covers(_ other: UserPattern) -> Bool { self.name.covers(other.name) }
}
