/// A second evaluator of rules, written to be obviously right: names are lists of text, addresses are texts of the
/// digits 0 and 1, and every question is answered by comparing prefixes.
enum PolicyOracle {
  struct Rule {
    var allows: Bool
    var commands: Set<String>
    var principals: [Who]?
    var targets: [Where]?
    var ports: [ClosedRange<Int>]?
    var clients: [Bits]?
  }

  enum Who {
    case anonymous
    case pattern(components: [[Character]], realm: [Character])
  }

  enum Where {
    case any
    case name(labels: [String], below: Bool)
    case network(Bits)
  }

  /// The first bits of an IPv4 or IPv6 address, or all of them.
  struct Bits: Hashable {
    var isV4: Bool
    var digits: String

    func holds(_ other: Bits) -> Bool { isV4 == other.isV4 && other.digits.hasPrefix(digits) }
  }

  struct Request {
    var command: String
    /// No components: anonymous.
    var components: [[Character]]
    var realm: [Character]
    /// Not in a mapped form.
    var client: Bits
    /// Labels in small letters; none when an address was asked for.
    var labels: [String]?
    var port: Int
  }

  /// All that the oracle finds out about an address; found out once, as it is slow.
  struct Address {
    let bits: Bits
    let carried: [Bits]
    let special: [String]

    init(_ address: Bits) {
      bits = unmapped(address)
      carried = PolicyOracle.carried(bits).map(\.bits)
      special = specialRanges(bits)
    }
  }

  enum Answer: Equatable {
    case allowed(Int), denied(Int), special(Int), none
  }

  static func evaluate(_ rules: [Rule], _ request: Request, reaching address: Address, own: [(Bits, Int)]) -> Answer {
    let special = address.special + ownRanges(address, port: request.port, own: own)
    var firstUnnamed: Int?
    for (index, rule) in rules.enumerated() {
      if !rule.commands.contains(request.command) { continue }
      if let ports = rule.ports, !ports.contains(where: { $0.contains(request.port) }) { continue }
      if let clients = rule.clients, !clients.contains(where: { $0.holds(request.client) }) { continue }
      if let who = rule.principals {
        if !who.contains(where: { isMatch($0, request) }) { continue }
      } else if rule.allows {
        continue
      }
      guard let targets = rule.targets else {
        if rule.allows { continue }
        return .denied(index)
      }
      for target in targets {
        switch (target, rule.allows) {
        case (.any, false):
          return .denied(index)
        case (.name(let labels, let below), false):
          if isName(labels, below: below, request) { return .denied(index) }
        case (.network(let network), false):
          if ([address.bits] + address.carried).contains(where: network.holds) { return .denied(index) }
        case (.any, true):
          if special.isEmpty { return .allowed(index) }
          firstUnnamed = firstUnnamed ?? index
        case (.name(let labels, let below), true):
          guard isName(labels, below: below, request) else { continue }
          if special.isEmpty { return .allowed(index) }
          firstUnnamed = firstUnnamed ?? index
        case (.network(let network), true):
          guard network.holds(address.bits) else { continue }
          if special.allSatisfy({ network.digits.hasPrefix($0) }) { return .allowed(index) }
          firstUnnamed = firstUnnamed ?? index
        }
      }
    }
    return firstUnnamed.map { .special($0) } ?? .none
  }

  // MARK: - Addresses

  static func unmapped(_ address: Bits) -> Bits {
    let prefix = String(repeating: "0", count: 80) + String(repeating: "1", count: 16)
    guard !address.isV4, address.digits.hasPrefix(prefix) else { return address }
    return Bits(isV4: true, digits: String(address.digits.dropFirst(96)))
  }

  static let specialV4 = [
    "00000000", "01111111", "1010100111111110", "1110", String(repeating: "1", count: 32),
  ]

  static let specialV6 = [
    String(repeating: "0", count: 128), String(repeating: "0", count: 127) + "1", "1111111010", "11111111",
    groups("0064 ff9b 0001"),
  ]

  /// The digits that begin every range which an address lies in.
  static func specialRanges(_ address: Bits) -> [String] {
    if address.isV4 { return specialV4.filter(address.digits.hasPrefix) }
    return specialV6.filter(address.digits.hasPrefix)
      + carried(address).flatMap { carried in
        specialV4.filter(carried.bits.digits.hasPrefix).map { String(address.digits.prefix(carried.first + $0.count)) }
      }
  }

  static func ownRanges(_ address: Address, port: Int, own: [(Bits, Int)]) -> [String] {
    let forms = [address.bits] + address.carried
    return own.contains { endpoint in endpoint.1 == port && forms.contains(endpoint.0) } ? [address.bits.digits] : []
  }

  static func carried(_ address: Bits) -> [(bits: Bits, first: Int)] {
    guard !address.isV4 else { return [] }
    func part(_ first: Int) -> Bits { Bits(isV4: true, digits: String(address.digits.dropFirst(first).prefix(32))) }
    let carriers: [(String, Int)] = [
      (groups("0 0 0 0 0 0"), 96), (groups("0 0 0 0 ffff 0"), 96), (groups("64 ff9b 0 0 0 0"), 96),
      (groups("64 ff9b 1"), 96), (groups("2002"), 16), (groups("2001 0"), 32),
    ]
    var found = carriers.filter { address.digits.hasPrefix($0.0) }.map { (bits: part($0.1), first: $0.1) }
    if address.digits.hasPrefix(groups("2001 0")) {
      let inverted = String(part(96).digits.map { $0 == "0" ? "1" : "0" })
      found.append((bits: Bits(isV4: true, digits: inverted), first: 96))
    }
    return found
  }

  /// The digits of groups of four hexadecimal digits.
  static func groups(_ text: String) -> String {
    text.split(separator: " ").map { group in
      let digits = String(UInt16(group, radix: 16) ?? 0, radix: 2)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  // MARK: - Names

  static func isName(_ labels: [String], below: Bool, _ request: Request) -> Bool {
    guard let asked = request.labels else { return false }
    return below ? asked.count > labels.count && Array(asked.suffix(labels.count)) == labels : asked == labels
  }

  static func isMatch(_ who: Who, _ request: Request) -> Bool {
    switch who {
    case .anonymous:
      return request.components.isEmpty
    case .pattern(let components, let realm):
      guard !request.components.isEmpty, components.count == request.components.count else { return false }
      return isGlob(realm, request.realm) && zip(components, request.components).allSatisfy { isGlob($0, $1) }
    }
  }

  /// By trying everything.
  static func isGlob(_ pattern: [Character], _ text: [Character]) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    let rest = Array(pattern.dropFirst())
    if first == "*" { return (0...text.count).contains { isGlob(rest, Array(text.dropFirst($0))) } }
    return text.first == first && isGlob(rest, Array(text.dropFirst()))
  }
}
