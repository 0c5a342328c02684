/// An IPv4 or IPv6 address, without port and without zone.
///
/// An IPv4-mapped address (RFC 4291 section 2.5.5.2) is the IPv4 address, however it is made: `::ffff:192.0.2.1` and
/// `192.0.2.1` are one value, and no value of the other family means an IPv4 host that way. Connecting to either is
/// the same, so rules, listeners, clients and networks must not be able to tell them apart.
public enum IPAddress: Hashable, Sendable {
  /// Four bytes as one integer in host order: `192.0.2.1` is `0xC000_0201`.
  case v4(UInt32)
  /// Never an IPv4-mapped address; made by ``v6(high:low:)``.
  case v6(Halves)

  /// The sixteen bytes of an IPv6 address as two integers in host order: `2001:db8::1` is `(0x2001_0DB8_0000_0000, 1)`.
  public struct Halves: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    fileprivate init(high: UInt64, low: UInt64) {
      self.high = high
      self.low = low
    }
  }

  /// The address with these two halves: an IPv4 address where they are an IPv4-mapped one.
  public static func v6(high: UInt64, low: UInt64) -> IPAddress {
    guard high == 0, low >> 32 == 0xFFFF else { return .v6(Halves(high: high, low: low)) }
    return .v4(UInt32(low & 0xFFFF_FFFF))
  }

  /// Reads a literal: four decimal numbers from 0 to 255 without leading zeros, or one of the forms of RFC 4291
  /// section 2.2 (`::` replaces at least one group; the last two groups may be written as an IPv4 address).
  ///
  /// - Returns: `nil` for everything else: octal, hexadecimal and short IPv4 spellings, zones, brackets, white space.
  public init?(_ text: some StringProtocol) {
    self.init(literal: text.utf8)
  }

  init?(literal: some Collection<UInt8>) {
    let octets = Array(literal.prefix(Self.longestLiteral + 1))
    guard octets.count <= Self.longestLiteral else { return nil }
    if octets.contains(UInt8(ascii: ":")) {
      guard let address = Self.parseV6(octets[...]) else { return nil }
      self = address
    } else {
      guard let value = Self.parseV4(octets[...]) else { return nil }
      self = .v4(value)
    }
  }

  /// The address in network order: 4 or 16 octets.
  public var octets: [UInt8] {
    switch self {
    case .v4(let value):
      return stride(from: 24, through: 0, by: -8).map { UInt8((value >> UInt32($0)) & 0xFF) }
    case .v6(let halves):
      return [halves.high, halves.low].flatMap { half in
        stride(from: 56, through: 0, by: -8).map { UInt8((half >> UInt64($0)) & 0xFF) }
      }
    }
  }

  /// The length of `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
  private static let longestLiteral = 45
}

// MARK: - Text

extension IPAddress: CustomStringConvertible {
  /// The canonical text of RFC 5952.
  public var description: String {
    switch self {
    case .v4:
      return octets.map(String.init).joined(separator: ".")
    case .v6(let halves):
      return Self.describe(groups: Self.groups(halves.high) + Self.groups(halves.low))
    }
  }

  private static func groups(_ half: UInt64) -> [UInt64] {
    stride(from: 48, through: 0, by: -16).map { (half >> UInt64($0)) & 0xFFFF }
  }

  /// RFC 5952 section 4.2: `::` replaces the longest run of at least two zero groups, the first of equally long ones.
  private static func describe(groups: [UInt64]) -> String {
    var longest = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > longest.count { longest = start..<index }
      start = index + 1
    }
    func text(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard longest.count >= 2 else { return text(0..<groups.count) }
    return text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<groups.count)
  }
}

// MARK: - Parsing

extension IPAddress {
  /// In one pass and without an array: every connection asks for its addresses, and NIO gives them as text.
  private static func parseV4(_ text: ArraySlice<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    var number: UInt32 = 0
    var (digits, dots) = (0, 0)
    for octet in text {
      switch octet {
      case UInt8(ascii: "."):
        guard digits > 0 else { return nil }
        value = value << 8 | number
        (number, digits, dots) = (0, 0, dots + 1)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        // A zero in front of another digit may be meant for octal.
        guard digits == 0 || number > 0 else { return nil }
        number = number * 10 + UInt32(octet - UInt8(ascii: "0"))
        guard number <= 255 else { return nil }
        digits += 1
      default:  // No character of an IPv4 address.
        return nil
      }
    }
    return digits > 0 && dots == 3 ? value << 8 | number : nil
  }

  private static func parseV6(_ text: ArraySlice<UInt8>) -> IPAddress? {
    let groups: [UInt64]
    if let gap = firstGap(in: text) {
      guard let front = parseGroups(text[..<gap], allowsV4: false),
        let back = parseGroups(text[(gap + 2)...], allowsV4: true), front.count + back.count <= 7
      else { return nil }
      groups = front + Array(repeating: 0, count: 8 - front.count - back.count) + back
    } else {
      guard let all = parseGroups(text, allowsV4: true), all.count == 8 else { return nil }
      groups = all
    }
    return .v6(
      high: groups[..<4].reduce(0) { $0 << 16 | $1 },
      low: groups[4...].reduce(0) { $0 << 16 | $1 })
  }

  private static func firstGap(in text: ArraySlice<UInt8>) -> Int? {
    zip(text.indices, zip(text, text.dropFirst()))
      .first { $0.1 == (UInt8(ascii: ":"), UInt8(ascii: ":")) }?.0
  }

  /// The 16-bit groups of `1:2:3`, none of an empty text. A second `::` shows as an empty group, and is refused.
  private static func parseGroups(_ text: ArraySlice<UInt8>, allowsV4: Bool) -> [UInt64]? {
    guard !text.isEmpty else { return [] }
    let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    var groups: [UInt64] = []
    for (index, part) in parts.enumerated() {
      if allowsV4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
        guard let value = parseV4(part) else { return nil }
        groups += [UInt64(value >> 16), UInt64(value & 0xFFFF)]
      } else {
        guard let group = parseGroup(part) else { return nil }
        groups.append(group)
      }
    }
    return groups
  }

  private static func parseGroup(_ text: ArraySlice<UInt8>) -> UInt64? {
    guard (1...4).contains(text.count) else { return nil }
    var value: UInt64 = 0
    for octet in text {
      let digit: UInt8
      switch octet {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = octet - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = octet - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = octet - UInt8(ascii: "A") + 10
      default:  // No hexadecimal digit.
        return nil
      }
      value = value << 4 | UInt64(digit)
    }
    return value
  }
}

extension IPAddress {
  /// `0.0.0.0` or `::`.
  public var isUnspecified: Bool {
    switch self {
    case .v4(let value): value == 0
    case .v6(let halves): halves.high == 0 && halves.low == 0
    }
  }

  /// 127.0.0.0/8 or `::1`.
  public var isLoopback: Bool {
    switch self {
    case .v4(let value): value >> 24 == 127
    case .v6(let halves): halves.high == 0 && halves.low == 1
    }
  }

  /// An address from its four or sixteen octets in network order; nil for any other count.
  public init?(octets: some Collection<UInt8>) {
    func integer(_ octets: some Sequence<UInt8>) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } }
    switch octets.count {
    case 4: self = .v4(octets.reduce(0) { $0 << 8 | UInt32($1) })
    case 16: self = .v6(high: integer(octets.prefix(8)), low: integer(octets.dropFirst(8)))
    default:  // No family has addresses of this length.
      return nil
    }
  }
}
