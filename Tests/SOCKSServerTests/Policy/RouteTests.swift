import SOCKSCore
import Testing

@testable import SOCKSServer

/// Which addresses a request may reach, and under which rules.
@Suite struct RouteTests {
  private static func request(_ host: String, _ command: AccessCommand = .connect) throws -> AccessRequest {
    AccessRequest(
      command: command, identity: Identity(try #require(Principal("alice@R"))), client: .v4(0xC000_0263),
      host: SOCKSHost(nameField: host.utf8), port: 22)
  }

  private static func rule(
    _ target: String, _ name: String, bandwidth: Bandwidth? = nil, session: Duration? = nil
  ) throws -> AccessRule {
    .allow(
      [.connect, .bind], identities: [try IdentityPattern(parsing: "*@R")],
      targets: [try TargetPattern(parsing: target)], name: name, bandwidth: bandwidth, session: session)
  }

  private static func addresses(_ texts: [String]) throws -> [IPAddress] {
    try texts.map { try #require(IPAddress($0)) }
  }

  @Test func eachAddressHasTheGrantOfItsOwnRule() throws {
    let narrow = Bandwidth(octetsPerSecond: 1 << 20)
    let policy = AccessPolicy(rules: [
      .deny([.connect], targets: [try TargetPattern(parsing: "10.0.0.2")]),
      try Self.rule("10.0.0.0/8", "ten", bandwidth: narrow, session: .seconds(60)),
      try Self.rule("*", "any"),
    ])
    let asked = try Self.addresses(["192.0.2.1", "10.0.0.2", "10.0.0.1", "127.0.0.1", "192.0.2.1"])
    let any = Grant(rule: RuleReference(index: 2, name: "any"))
    let ten = Grant(
      rule: RuleReference(index: 1, name: "ten"), bandwidth: narrow, maximumDuration: .seconds(60))
    let evaluation = policy.evaluate(try Self.request("host.example"))
    #expect(evaluation.refusal == nil)
    #expect(
      evaluation.route(to: asked, ownListeners: [])
        == .granted([
          GrantedAddress(asked[0], any), GrantedAddress(asked[2], ten), GrantedAddress(asked[4], any),
        ]))
  }

  @Test func aRefusalIsThatOfTheFirstAddress() throws {
    let policy = AccessPolicy(rules: [
      .deny([.connect], targets: [try TargetPattern(parsing: "10.0.0.2")], name: "two"), try Self.rule("*", "any"),
    ])
    let evaluation = policy.evaluate(try Self.request("host.example"))
    for (addresses, reason) in [
      (["10.0.0.2", "127.0.0.1"], .denied(by: RuleReference(index: 0, name: "two"))),
      (["127.0.0.1", "10.0.0.2"], .specialAddress(.loopback, unnamedBy: RuleReference(index: 1, name: "any"))),
    ] as [([String], AccessDecision.Reason)] {
      #expect(
        evaluation.route(to: try Self.addresses(addresses), ownListeners: []) == .refused(AccessDecision(reason)))
    }
  }

  @Test func theGatewaysOwnListenerIsOneOfSeveralAddresses() throws {
    let asked = try Self.addresses(["192.0.2.1", "192.0.2.2"])
    let own: Set = [ListenerEndpoint(address: asked[0], port: 22)]
    let evaluation = AccessPolicy(rules: [try Self.rule("*", "any")]).evaluate(try Self.request("host.example"))
    guard case .granted(let route) = evaluation.route(to: asked, ownListeners: own) else {
      Issue.record("refused")
      return
    }
    #expect(route.map(\.address) == [asked[1]])
  }

  @Test(arguments: ["not an example", "caf\u{e9}.example"]) func whatIsNoHostIsRefused(host: String) throws {
    let evaluation = AccessPolicy(rules: [try Self.rule("*", "any")]).evaluate(try Self.request(host))
    #expect(evaluation.refusal == AccessDecision(.malformedName))
    let route = evaluation.route(to: try Self.addresses(["192.0.2.1"]), ownListeners: [])
    #expect(route == .refused(AccessDecision(.malformedName)))
  }
}

/// The parts of the prepared rules at their edges; `AccessPolicyOracleTests` has the rest.
@Suite struct RuleIndexTests {
  @Test func aSetHasWhatWasPutIn() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let (one, two) = (Self.places(&generator), Self.places(&generator))
      var (first, second) = (RuleSet(), RuleSet())
      for place in one.shuffled() { first.insert(place) }
      for place in two.shuffled() { second.insert(place) }
      #expect(Array(first) == one.sorted())
      var (union, intersection) = (first, first)
      union.formUnion(second)
      intersection.formIntersection(second)
      #expect(Array(union) == one.union(two).sorted() && Array(intersection) == one.intersection(two).sorted())
    }
  }

  private static func places(_ generator: inout SystemRandomNumberGenerator) -> Set<Int> {
    let most = Int.random(in: 0...300, using: &generator)
    return Set((0..<Int.random(in: 0...20, using: &generator)).map { _ in Int.random(in: 0...most, using: &generator) })
  }

  @Test func everyPortHasItsRules() throws {
    let ports: [[ClosedRange<UInt16>]?] = [
      nil, [22...22], [0...65_535], [1...1, 65_535...65_535], [20...30, 25...40], [41...65_534], [],
    ]
    let index = PortIndex(ports.map { .deny([.connect], ports: $0.map { $0.map { PortRange($0) } }) })
    for port in UInt16.min...UInt16.max {
      let expected = ports.indices.filter { ports[$0]?.contains { $0.contains(port) } ?? true }
      guard Array(index.rules(for: port)) == expected else {
        Issue.record("\(port)")
        return
      }
    }
    #expect(Array(PortIndex([]).rules(for: 1)) == [])
  }

  @Test func aTreeOfNamesFindsWhatThePatternsMatch() throws {
    let patterns = ["com", "*.com", "a.com", "*.a.com", "b.a.com", "*.b.a.com", "a.b", "*.b", "a"]
    let parsed = try patterns.map { try NamePattern(parsing: $0) }
    var index = NameIndex()
    for (rule, pattern) in parsed.enumerated() { index.insert(rule, pattern) }
    for text in ["com", "a.com", "b.a.com", "c.b.a.com", "x.y.com", "a", "b", "a.b", "c.a.b", "xcom", "a.xcom", "net"] {
      let name = try HostName(text)
      var found = RuleSet()
      index.add(matching: name, to: &found)
      #expect(Array(found) == parsed.indices.filter { parsed[$0].matches(name) }, "\(text)")
    }
  }
}
