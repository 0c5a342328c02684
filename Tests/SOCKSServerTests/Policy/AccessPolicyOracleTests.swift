import Platform
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// How much is tried. The environment variable `GARTER_POLICY_REQUESTS` asks for another number of requests.
private let requests = Environment.get("GARTER_POLICY_REQUESTS").flatMap { Int($0) } ?? 100_000

/// Makes rules and requests at random, each as text for the policy and as a model for the oracle.
private struct Generator {
  var random: SeededGenerator

  static let addresses: [IPAddress] = [
    "127.0.0.1", "127.255.0.1", "10.0.0.5", "10.1.2.3", "192.0.2.1", "192.0.2.200", "0.0.0.0", "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255", "8.8.8.8", "::", "::1", "::2", "::7f00:1", "::a00:5", "::ffff:127.0.0.1", "::ffff:10.0.0.5",
    "::ffff:192.0.2.1",
    "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a00:5", "64:ff9b::c000:201", "64:ff9b:1::7f00:1",
    "64:ff9b:1::c000:201",
    "2002:7f00:1::1", "2002:a00:5::1", "2002:c000:201::", "2001:0:c000:201::80ff:fffe", "2001:0:c000:201::f5ff:fffa",
    "2001:0:7f00:1::3fff:fdfe", "2001:db8::1", "2001:db8:1::1", "fe80::1", "fd00::1", "ff02::1",
  ].compactMap { IPAddress($0) }

  static let known: [IPAddress: PolicyOracle.Address] = Dictionary(
    addresses.map { ($0, PolicyOracle.Address(bits($0))) }, uniquingKeysWith: { first, _ in first })

  static func known(_ address: IPAddress) -> PolicyOracle.Address {
    known[address] ?? PolicyOracle.Address(bits(address))
  }

  mutating func pick<Element>(_ elements: [Element], or other: Element) -> Element {
    elements.randomElement(using: &random) ?? other
  }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  mutating func some<Element>(_ most: Int, _ make: (inout Generator) -> Element) -> [Element] {
    (0..<Int.random(in: 1...most, using: &random)).map { _ in make(&self) }
  }

  static func bits(_ address: IPAddress) -> PolicyOracle.Bits {
    let digits = address.octets.map { octet in
      let digits = String(octet, radix: 2)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
    return PolicyOracle.Bits(isV4: digits.count == 32, digits: digits)
  }

  /// Prefix lengths are often those where something begins or ends.
  mutating func network() -> (text: String, bits: PolicyOracle.Bits) {
    let address = pick(Self.addresses, or: .v4(0))
    let all = Self.bits(address)
    let lengths =
      all.isV4
      ? [0, 1, 4, 7, 8, 9, 16, 24, 31, 32]
      : [0, 1, 8, 10, 16, 24, 32, 47, 48, 64, 95, 96, 103, 104, 105, 112, 127, 128]
    let length = chance(30) ? all.digits.count : pick(lengths, or: 0)
    let digits = String(all.digits.prefix(length))
    let padded = digits + String(repeating: "0", count: all.digits.count - length)
    var groups: [String] = []
    var rest = padded[...]
    while !rest.isEmpty {
      let value = UInt16(rest.prefix(all.isV4 ? 8 : 16), radix: 2) ?? 0
      groups.append(String(value, radix: all.isV4 ? 10 : 16))
      rest = rest.dropFirst(all.isV4 ? 8 : 16)
    }
    return (
      "\(groups.joined(separator: all.isV4 ? "." : ":"))/\(length)", PolicyOracle.Bits(isV4: all.isV4, digits: digits)
    )
  }

  static let zeros = ["0.0.0.0", "::", "::ffff:0.0.0.0"].compactMap { IPAddress($0) }

  static let labels = ["com", "example", "a", "b"]

  mutating func labels() -> [String] { some(4) { $0.pick(Self.labels, or: "a") } }

  mutating func target() -> (TargetPattern, PolicyOracle.Where) {
    switch Int.random(in: 0..<10, using: &random) {
    case 0, 1: return (.any, .any)
    case 2, 3, 4:
      let labels = labels()
      let below = chance(50)
      let text = (below ? "*." : "") + labels.joined(separator: ".") + (chance(20) ? "." : "")
      let pattern = try? TargetPattern(parsing: chance(30) ? text.uppercased() : text)
      return (pattern ?? .any, .name(labels: labels, below: below))
    default:
      // What cannot be read becomes `*` here, and disagrees with the oracle.
      let network = network()
      let bits = PolicyOracle.unmapped(network.bits)
      return ((try? TargetPattern(parsing: network.text)) ?? .any, .network(bits))
    }
  }

  static let words = ["a", "b", "ab", "*", "a*", "*b", "*a*", "*", "*", "*", "", "a/b", "a@b"]

  mutating func identityPattern() -> (IdentityPattern, PolicyOracle.Who) {
    if chance(10) { return (.anonymous, .anonymous) }
    let components = some(chance(60) ? 1 : 3) { $0.pick(Self.words, or: "a") }
    let realm = pick(["R", "R", "S", "*", "R*"], or: "R")
    let text = components.map(Self.escaped).joined(separator: "/") + "@" + realm
    return (
      (try? IdentityPattern(parsing: text)) ?? .anonymous,
      .pattern(components: components.map(Array.init), realm: Array(realm))
    )
  }

  static func escaped(_ text: String) -> String {
    text.replacing("/", with: "\\/").replacing("@", with: "\\@")
  }

  mutating func command() -> AccessCommand { pick(AccessCommand.allCases, or: .connect) }

  mutating func rule() -> (AccessRule, PolicyOracle.Rule) {
    let allows = chance(65)
    let who = allows || chance(60) ? some(3) { $0.identityPattern() } : nil
    let targets = allows || chance(80) ? some(3) { $0.target() } : nil
    let ports =
      chance(30)
      ? some(2) { generator in
        let first = Int.random(in: 20...25, using: &generator.random)
        return first...(first + Int.random(in: 0...3, using: &generator.random))
      } : nil
    let clients = chance(20) ? some(2) { $0.network() } : nil
    let commands = chance(80) ? Set(AccessCommand.allCases) : Set(some(2) { $0.command() })
    let rule = AccessRule(
      effect: allows ? .allow : .deny, commands: commands, identities: who?.map(\.0), targets: targets?.map(\.0),
      ports: ports?.map { PortRange(UInt16($0.lowerBound)...UInt16($0.upperBound)) },
      clients: clients?.compactMap { try? IPNetwork(parsing: $0.text) }, name: nil)
    return (
      rule,
      PolicyOracle.Rule(
        allows: allows, commands: Set(commands.map(\.rawValue)), principals: who?.map(\.1), targets: targets?.map(\.1),
        ports: ports,
        clients: clients?.map(\.bits))
    )
  }

  /// A few rules; sometimes with so many between them that are about somebody else that places are far apart.
  mutating func rules() -> [(AccessRule, PolicyOracle.Rule)] {
    let hasPadding = chance(10)
    return (0..<Int.random(in: 0...6, using: &random)).flatMap { _ in
      let padding = hasPadding ? Int.random(in: 0...70, using: &random) : 0
      return (0..<padding).compactMap { _ in Self.somebodyElses } + [rule()]
    }
  }

  private static let somebodyElses: (AccessRule, PolicyOracle.Rule)? =
    (try? IdentityPattern(parsing: "nobody@NOWHERE")).map { pattern in
      let who = PolicyOracle.Who.pattern(components: [Array("nobody")], realm: Array("NOWHERE"))
      return (
        .allow([.connect, .bind, .associate], identities: [pattern], targets: [.any]),
        PolicyOracle.Rule(
          allows: true, commands: Set(AccessCommand.allCases.map(\.rawValue)), principals: [who], targets: [.any],
          ports: nil, clients: nil)
      )
    }

  mutating func request() -> (AccessRequest, PolicyOracle.Request, reaching: IPAddress) {
    let isAnonymous = chance(10)
    let components =
      isAnonymous ? [] : some(chance(60) ? 1 : 3) { $0.pick(["a", "b", "ab", "aab", "a/b", "a@b", ""], or: "a") }
    let realm = pick(["R", "R", "S", "RS", "r"], or: "R")
    let principal = Principal(components: components.map { Array($0.utf8) }, realm: Array(realm.utf8))
    let client = pick(Self.addresses, or: .v4(0))
    let reaching = pick(Self.addresses, or: .v4(0))
    let command = command()
    let isForAnyPeer = command == .bind && chance(45)
    let labels = !isForAnyPeer && chance(70) ? labels() : nil
    let text = labels.map { $0.joined(separator: ".") + (chance(20) ? "." : "") }
    let asked = isForAnyPeer ? pick(Self.zeros, or: .v4(0)) : reaching
    let host = text.map { SOCKSHost(nameField: (chance(30) ? $0.uppercased() : $0).utf8) } ?? .address(asked)
    let port = Int.random(in: 19...29, using: &random)
    return (
      AccessRequest(
        command: command, identity: isAnonymous ? .anonymous : .principal(principal), client: client, host: host,
        port: UInt16(port)),
      PolicyOracle.Request(
        command: command.rawValue, components: components.map(Array.init), realm: Array(realm),
        client: Self.known(client).bits,
        labels: labels, port: port),
      reaching
    )
  }
}

@Suite struct AccessPolicyOracleTests {
  static let requestsPerSet = 25

  /// Random rule sets × requests, 1,000,000 of them in `dev/test`: the policy says what the oracle says, and which rule decides.
  @Test(arguments: [UInt64(1), 2, 3, 4])
  func agreesWithTheOracle(seed: UInt64) {
    var generator = Generator(random: SeededGenerator(seed: seed))
    let own: [(IPAddress, Int)] = [.v4(0x0A00_0005), .v6(high: 0x2001_0DB8_0000_0000, low: 1)].flatMap {
      [($0, 22), ($0, 24)]
    }
    let ownListeners = Set(own.map { ListenerEndpoint(address: $0.0, port: UInt16($0.1)) })
    let ownBits = own.map { (Generator.bits($0.0), $0.1) }
    var seen = (allowed: 0, denied: 0, special: 0, none: 0, refusedEarly: 0, anyPeerLetIn: 0)
    for _ in 0..<max(1, requests / 4 / Self.requestsPerSet) {
      let rules = generator.rules()
      let policy = AccessPolicy(rules: rules.map(\.0))
      for _ in 0..<Self.requestsPerSet {
        let (request, model, reaching) = generator.request()
        let expected = PolicyOracle.evaluate(
          rules.map(\.1), model, reaching: Generator.known(reaching), own: ownBits)
        let decision = policy.decision(for: request, reaching: reaching, ownListeners: ownListeners)
        switch expected {
        case .allowed:
          seen.allowed += 1
          if request.isForAnyPeer { seen.anyPeerLetIn += 1 }
        case .denied: seen.denied += 1
        case .special: seen.special += 1
        case .none: seen.none += 1
        }
        guard Self.answer(decision) == expected, decision.isAllowed == Self.isAllowed(expected) else {
          Issue.record(
            "seed \(seed): \(request) reaching \(reaching): \(decision), expected \(expected); \(rules.map(\.0))")
          return
        }
        if case .refused = policy.preliminaryDecision(for: request, ownListeners: ownListeners) {
          seen.refusedEarly += 1
          // Nothing that is refused before resolving could have been allowed afterwards.
          let addresses: [IPAddress] =
            if case .address(let address) = request.host, !request.isForAnyPeer { [address] } else {
              (0..<2).map { _ in generator.pick(Generator.addresses, or: .v4(0)) }
            }
          for address in addresses {
            let later = PolicyOracle.evaluate(rules.map(\.1), model, reaching: Generator.known(address), own: ownBits)
            guard !Self.isAllowed(later) else {
              Issue.record("seed \(seed): \(request) is refused early, but allowed at \(address); \(rules.map(\.0))")
              return
            }
          }
        }
      }
    }
    // Each kind of answer occurs often enough for agreement to mean something.
    #expect(
      [seen.allowed, seen.denied, seen.special, seen.none, seen.refusedEarly]
        .allSatisfy { $0 > requests / 4 / 200 },
      "\(seen)")
    // A tenth of the requests are for any peer.
    #expect(seen.anyPeerLetIn > requests / 4 / 2_000, "\(seen)")
  }

  private static func answer(_ decision: AccessDecision) -> PolicyOracle.Answer? {
    switch decision.reason {
    case .allowed(let rule): .allowed(rule.index)
    case .denied(let rule): .denied(rule.index)
    case .specialAddress(_, let rule): .special(rule.index)
    case .noRule: PolicyOracle.Answer.none
    case .malformedName: nil
    }
  }

  private static func isAllowed(_ answer: PolicyOracle.Answer) -> Bool {
    if case .allowed = answer { true } else { false }
  }
}
