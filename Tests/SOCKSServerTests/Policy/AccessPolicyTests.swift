import SOCKSCore
import Testing

@testable import SOCKSServer

/// Rules as an operator writes them.
private func policy(_ rules: String) throws -> AccessPolicy {
  let text = "listen: [{address: 127.0.0.1:1080}]\nkerberos: {keytab: /k}\nrules:\n" + rules
  return AccessPolicy(rules: try Configuration.parse(octets: Array(text.utf8), sourceName: "x").configuration.rules)
}

private func request(
  _ principal: String, _ host: String, _ port: UInt16 = 22, client: String = "192.0.2.1"
) throws -> AccessRequest {
  AccessRequest(
    command: .connect, identity: Identity(try #require(Principal(principal))), client: try #require(IPAddress(client)),
    host: SOCKSHost(nameField: host.utf8), port: port)
}

@Suite struct AccessPolicyTests {
  @Test func withoutRulesNothingIsAllowed() throws {
    let policy = AccessPolicy(rules: [])
    #expect(try policy.decision(for: request("a@R", "192.0.2.7"), reaching: .v4(0xC000_0207)).reason == .noRule)
    #expect(try policy.preliminaryDecision(for: request("a@R", "x.example")) == .refused(AccessDecision(.noRule)))
    #expect(!policy.admitsAnonymous)
  }

  @Test func theFirstRuleThatCoversARequestDecides() throws {
    let policy = try policy(
      """
      - {deny: [connect], principals: [guest@R], to: ["*.example.com"], name: guests stay out}
      - {allow: [connect], principals: ["*@R"], to: ["*.example.com", 10.0.0.0/8], ports: [22, 8000-8100]}
      - {deny: [connect], from: [203.0.113.0/24]}
      - {allow: [connect], principals: ["*/admin@R"], to: ["*"]}
      """)
    func decide(_ principal: String, _ host: String, _ port: UInt16, at address: String, client: String = "192.0.2.1")
      throws -> String
    {
      let decision = try policy.decision(
        for: request(principal, host, port, client: client), reaching: #require(IPAddress(address)))
      return decision.description
    }
    #expect(try decide("guest@R", "a.example.com", 22, at: "10.0.0.1") == "denied by rule 1 (guests stay out)")
    #expect(try decide("alice@R", "a.example.com", 22, at: "192.0.2.9") == "allowed by rule 2")
    #expect(try decide("guest@R", "other.example", 22, at: "10.0.0.1") == "allowed by rule 2")
    #expect(try decide("alice@R", "a.example.com", 80, at: "10.0.0.1") == "no rule allows it")
    #expect(
      try decide("alice@R", "a.example.com", 8050, at: "127.0.0.1")
        == "the address is special (loopback): rule 2 would have to name it by address or network")
    #expect(try decide("alice/admin@R", "other.example", 80, at: "192.0.2.9") == "allowed by rule 4")
    #expect(
      try decide("alice/admin@R", "other.example", 80, at: "192.0.2.9", client: "203.0.113.7") == "denied by rule 3")
    #expect(
      try decide("alice/admin@R", "other.example", 80, at: "192.0.2.9", client: "::ffff:203.0.113.7")
        == "denied by rule 3")
    #expect(try decide("alice@S", "a.example.com", 22, at: "10.0.0.1") == "no rule allows it")
  }

  /// Nothing is resolved for somebody whom no rule could allow it.
  @Test func refusesBeforeResolvingWhatCannotBeAllowed() throws {
    let policy = try policy(
      """
      - {deny: [connect], principals: [guest@R]}
      - {deny: [connect], principals: [mallory@R], to: [0.0.0.0/0, "::/0"]}
      - {deny: [connect], principals: [eve@R], to: [10.0.0.0/7]}
      - {deny: [connect], to: [secret.example]}
      - {allow: [connect], principals: [eve@R], to: [10.0.0.0/8]}
      - {allow: [connect], principals: ["alice@R", "guest@R", "mallory@R"], to: ["*.example", 10.0.0.0/8], ports: [22]}
      """)
    func early(_ principal: String, _ host: String, _ port: UInt16 = 22) throws -> AccessDecision? {
      switch policy.preliminaryDecision(for: try request(principal, host, port)) {
      case .refused(let decision): decision
      case .dependsOnAddress: nil
      }
    }
    #expect(try early("alice@R", "a.example") == nil)
    // A name that no pattern covers may still turn out to lie in an allowed network.
    #expect(try early("alice@R", "elsewhere.test") == nil)
    #expect(try early("alice@R", "a.example", 23)?.reason == .noRule)
    #expect(try early("alice@R", "secret.example")?.reason == .denied(by: RuleReference(index: 3, name: nil)))
    #expect(try early("guest@R", "a.example")?.reason == .denied(by: RuleReference(index: 0, name: nil)))
    #expect(try early("mallory@R", "a.example")?.reason == .denied(by: RuleReference(index: 1, name: nil)))
    #expect(try early("eve@R", "a.example")?.reason == .noRule)
    #expect(try early("nobody@R", "a.example")?.reason == .noRule)
    #expect(try early("alice@R", "127.0.0.1")?.reason == .noRule)
    #expect(try early("alice@R", "10.0.0.1") == nil)
  }

  @Test func theAnonymousNeedARuleThatNamesThem() throws {
    let named = try policy("- {allow: [connect], principals: [anonymous], to: [public.example]}")
    let others = try policy("- {allow: [connect], principals: [\"*@*\", \"*/*@*\"], to: [\"*\"]}")
    #expect(named.admitsAnonymous && !others.admitsAnonymous)
    let address = IPAddress.v4(0xC000_0201)
    let anonymous = try request("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "public.example")
    #expect(anonymous.identity == .anonymous)
    #expect(named.decision(for: anonymous, reaching: address).isAllowed)
    #expect(!others.decision(for: anonymous, reaching: address).isAllowed)
    #expect(try !named.decision(for: request("a@R", "public.example"), reaching: address).isAllowed)
    // Whom a denial is not limited to, it denies.
    let denied = try policy("- {deny: [connect]}\n- {allow: [connect], principals: [anonymous], to: [\"*\"]}")
    #expect(!denied.decision(for: anonymous, reaching: address).isAllowed)
  }

  /// A rule made by a program without principals or targets allows nothing.
  @Test func anIncompleteAllowanceAllowsNothing() throws {
    var rule = AccessRule.allow([.connect], identities: [try IdentityPattern(parsing: "*@R")], targets: [.any])
    let address = IPAddress.v4(0xC000_0201)
    #expect(try AccessPolicy(rules: [rule]).decision(for: request("a@R", "x.example"), reaching: address).isAllowed)
    rule.targets = nil
    #expect(try !AccessPolicy(rules: [rule]).decision(for: request("a@R", "x.example"), reaching: address).isAllowed)
    rule.targets = [.any]
    rule.identities = nil
    #expect(try !AccessPolicy(rules: [rule]).decision(for: request("a@R", "x.example"), reaching: address).isAllowed)
    rule.identities = []
    #expect(try !AccessPolicy(rules: [rule]).decision(for: request("a@R", "x.example"), reaching: address).isAllowed)
    rule = .allow([], identities: [try IdentityPattern(parsing: "*@R")], targets: [.any])
    #expect(try !AccessPolicy(rules: [rule]).decision(for: request("a@R", "x.example"), reaching: address).isAllowed)
  }
}

@Suite struct ShadowedRuleTests {
  private static let first =
    "- {allow: [connect], principals: [\"*@R\"], to: [\"*.example.com\", 10.0.0.0/8], ports: [1-100]}\n"

  @Test(arguments: [
    "{allow: [connect], principals: [\"*@R\"], to: [\"*.example.com\", 10.0.0.0/8], ports: [1-100]}",
    "{deny: [connect], principals: [alice@R], to: [a.example.com], ports: [22, 80]}",
    "{allow: [connect], principals: [a*@R], to: [\"*.b.example.com\"], ports: [22], from: [192.0.2.0/24]}",
    "{deny: [connect], principals: [\"*@R\"], to: [10.1.0.0/16], ports: [5-6]}",
  ])
  func coveredRulesAreFound(rule: String) throws {
    #expect(try policy(Self.first + "- \(rule)").shadowedRules == [.init(index: 1, shadowedBy: 0)])
  }

  @Test(arguments: [
    "{deny: [connect], principals: [alice@S], to: [a.example.com], ports: [22]}",
    "{deny: [connect], principals: [alice/admin@R], to: [a.example.com], ports: [22]}",
    "{deny: [connect], to: [a.example.com], ports: [22]}",
    "{deny: [connect], principals: [alice@R], ports: [22]}",
    "{deny: [connect], principals: [alice@R], to: [example.com], ports: [22]}",
    "{deny: [connect], principals: [alice@R], to: [a.example.com], ports: [101]}",
    "{deny: [connect], principals: [alice@R], to: [a.example.com]}",
    "{allow: [connect], principals: [alice@R], to: [10.0.0.5], ports: [22]}",
    "{allow: [connect], principals: [alice@R], to: [\"*\"], ports: [22]}",
  ])
  func otherRulesAreNot(rule: String) throws {
    #expect(try policy(Self.first + "- \(rule)").shadowedRules == [])
  }

  @Test func aStarLeavesSpecialAddressesToOthers() throws {
    let star = "- {allow: [connect], principals: [\"*@R\"], to: [\"*\"]}\n"
    #expect(
      try policy(star + "- {allow: [connect], principals: [\"*@R\"], to: [127.0.0.0/8]}").shadowedRules == [])
    #expect(
      try policy(star + "- {allow: [connect], principals: [\"*@R\"], to: [10.0.0.0/8]}").shadowedRules.count == 1)
    let denial = "- {deny: [connect], to: [\"*\"]}\n"
    #expect(
      try policy(denial + "- {allow: [connect], principals: [\"*@R\"], to: [127.0.0.0/8]}").shadowedRules.count == 1)
  }
}
