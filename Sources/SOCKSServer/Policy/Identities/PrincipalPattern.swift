/// Principals by pattern: `alice@EXAMPLE.COM`, `*/admin@EXAMPLE.COM`, `host/*@*`.
///
/// A principal matches component by component. `*` matches any bytes inside one component or inside the realm and
/// never crosses `/` or `@`: `*@EXAMPLE.COM` is no pattern for `alice/admin@EXAMPLE.COM`. Everything else is compared octet by octet; capitals count.
/// `\*` is a star; the escapes of Kerberos stand for what they do in displayed names.
public struct PrincipalPattern: Hashable, Sendable {
  let components: [OctetPattern]
  let realm: OctetPattern

  /// Reads a pattern.
  public init(parsing text: String) throws(ValueError) {
    guard let parts = PrincipalSyntax.parse(text.utf8) else {
      throw ValueError(
        "expected a principal such as alice@EXAMPLE.COM or */admin@EXAMPLE.COM, user:NAME, anonymous or "
          + "unauthenticated, not \(quoted(text))")
    }
    components = parts.components.map(OctetPattern.init)
    realm = OctetPattern(parts.realm)
  }

  public func matches(_ principal: Principal) -> Bool {
    principal.components.count == components.count && realm.matches(principal.realm)
      && zip(components, principal.components).allSatisfy { $0.matches($1) }
  }

  /// The realm, where the pattern names just one.
  public var literalRealm: [UInt8]? { realm.literal }

  /// The only principal that matches, where there is just one.
  var literal: Principal? {
    let literals = components.compactMap(\.literal)
    guard let realm = realm.literal, literals.count == components.count else { return nil }
    return Principal(components: literals, realm: realm)
  }

  /// Whether every principal of another pattern certainly matches this one.
  func covers(_ other: PrincipalPattern) -> Bool {
    other.components.count == components.count && realm.covers(other.realm)
      && zip(components, other.components).allSatisfy { $0.covers($1) }
  }
}

/// Octets with gaps that any octets fill.
struct OctetPattern: Hashable, Sendable {
  /// What has to occur, in this order; between two of them lies a gap. One element means no gap.
  private let pieces: [[UInt8]]

  init(_ characters: [PrincipalSyntax.Character]) {
    pieces = characters.split(
      omittingEmptySubsequences: false, whereSeparator: { $0.octet == UInt8(ascii: "*") && !$0.isEscaped }
    ).map { $0.map(\.octet) }
  }

  /// The only text that matches, where there is just one.
  var literal: [UInt8]? { pieces.count == 1 ? pieces.first : nil }

  func matches(_ octets: [UInt8]) -> Bool {
    guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else { return pieces.first == octets }
    guard octets.count >= first.count + last.count, octets.starts(with: first), octets.suffix(last.count) == last[...]
    else { return false }
    // The earliest place for each piece leaves the most room for those that follow.
    var rest = octets.dropFirst(first.count).dropLast(last.count)
    for piece in pieces.dropFirst().dropLast() {
      guard let end = Self.end(of: piece, in: rest) else { return false }
      rest = rest[end...]
    }
    return true
  }

  /// Whether everything that matches another pattern certainly matches this one.
  func covers(_ other: OctetPattern) -> Bool {
    self == other || pieces == [[], []]
  }

  private static func end(of piece: [UInt8], in octets: ArraySlice<UInt8>) -> Int? {
    guard octets.count >= piece.count else { return nil }
    return (octets.startIndex...octets.endIndex - piece.count).first { octets[$0...].starts(with: piece) }
      .map { $0 + piece.count }
  }
}
