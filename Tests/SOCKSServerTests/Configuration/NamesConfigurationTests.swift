import SOCKSCore
import Testing

@testable import SOCKSServer

/// How names, addresses and listeners are written: `names`, networks of mapped addresses, wildcards.
@Suite struct NamesConfigurationTests {
  private static let listen = #"[{address: "127.0.0.1:1080"}]"#

  private static func reading(
    listen: String = listen, _ section: String = "", rule: String = "deny: [connect]"
  ) throws -> Configuration.Reading {
    let text = """
      listen: \(listen)
      kerberos: {keytab: /k}
      \(section)
      rules: [{\(rule)}, {allow: [connect], principals: ["*@R"], to: ["*"], ports: [22]}]
      """
    return try Configuration.parse(octets: Array(text.utf8), sourceName: "f")
  }

  private static func problems(_ section: String, rule: String = "deny: [connect], ports: [1]") -> [String] {
    do {
      _ = try Self.reading(section, rule: rule)
      return []
    } catch {
      return (error as? ConfigurationError)?.problems.map(\.message) ?? ["\(error)"]
    }
  }

  @Test func domainsAreRead() throws {
    #expect(try Self.reading().configuration.names.search.isEmpty)
    let search = try Self.reading("names: {search: [Corp.test., bücher.example]}").configuration.names.search
    #expect(search.map(\.text) == ["corp.test", "xn--bcher-kva.example"])
  }

  @Test(
    arguments: [
      ("names: {search: []}", "names.search is an empty list"), ("names: {search: [a..b]}", "empty label"),
      ("names: {search: ['*.test']}", "expected a domain"), ("names: {search: [10.0.0.1]}", "expected a domain"),
      ("names: {search: [a.1]}", "neither a name nor"), ("names: {search: ['☃']}", "no ASCII form"),
      ("names: {search: [a.test, A.test.]}", "appears twice"), ("names: {serach: [a.test]}", "did you mean search?"),
      ("names: {search: [a, b, c, d, e, f, g, h, i]}", "at most 8"), ("names: {search: corp.test}", "expected a list"),
    ])
  func wrongDomainsAreRefused(section: String, message: String) {
    let problems = Self.problems(section)
    #expect(problems.count == 1 && problems.first?.contains(message) == true, "\(problems)")
  }

  /// Everywhere where networks are written, an IPv4-mapped one is the IPv4 network.
  @Test func mappedNetworksAreTheSameInEveryList() throws {
    let reading = try Self.reading(
      listen: """
        [{address: "[::ffff:127.0.0.1]:1080", clients: [{from: ["::ffff:10.0.0.0/104"], methods: [gssapi]}]}]
        """,
      "penalties: {exempt: [\"::ffff:192.0.2.0/120\"]}",
      rule: #"deny: [connect], from: ["::ffff:127.0.0.0/104"], to: ["::ffff:10.0.0.0/104"]"#)
    let configuration = reading.configuration
    #expect(configuration.listen[0].address.description == "127.0.0.1:1080")
    #expect(configuration.listen[0].clients[0].networks.map(\.description) == ["10.0.0.0/8"])
    #expect(configuration.penalties.exempt.map(\.description) == ["192.0.2.0/24"])
    #expect(configuration.rules[0].clients?.map(\.description) == ["127.0.0.0/8"])
    #expect(configuration.rules[0].targets?.map(\.description) == ["10.0.0.0/8"])
    // The rule of the review that never matched.
    let request = AccessRequest(
      command: .connect, identity: Identity(try #require(Principal("a@R"))), client: .v4(0x7F00_0001),
      host: .address(.v4(0x0A00_0001)), port: 22)
    let decision = AccessPolicy(rules: configuration.rules).decision(for: request, reaching: .v4(0x0A00_0001))
    #expect(decision.rule?.index == 0 && !decision.isAllowed)
    let wide = Self.problems("", rule: #"deny: [connect], from: ["::ffff:0.0.0.0/90"]"#)
    #expect(wide.count == 1 && wide[0].contains("96 to 128") && wide[0].contains("::/0"), "\(wide)")
  }

  /// Two spellings of one address are one listener.
  @Test func aMappedListenerIsFoundTwice() {
    #expect {
      try Self.reading(listen: #"[{address: "127.0.0.1:1080"}, {address: "[::ffff:127.0.0.1]:1080"}]"#)
    } throws: { "\($0)".contains("appears twice") }
  }

  /// What the system would refuse at the start.
  @Test(
    arguments: [
      (#"[{address: "0.0.0.0:1080"}, {address: "127.0.0.1:1080"}]"#, "covered by 0.0.0.0:1080"),
      (#"[{address: "127.0.0.1:1080"}, {address: "0.0.0.0:1080"}]"#, "0.0.0.0:1080 covers 127.0.0.1:1080"),
      (#"[{address: "[::]:1080"}, {address: "[::1]:1080"}]"#, "covered by [::]:1080"),
      (#"[{address: "[fe80::1]:1080"}]"#, "link-local"),
      (#"[{address: "224.0.0.1:1080"}]"#, "not the address of a host"),
      (#"[{address: "[ff02::1]:1080"}]"#, "not the address of a host"),
      (#"[{address: "255.255.255.255:1080"}]"#, "not the address of a host"),
    ])
  func listenersThatCannotBeOpenedAreFound(listen: String, problem: String) {
    #expect {
      try Self.reading(listen: listen)
    } throws: { "\($0)".contains(problem) }
  }

  @Test(arguments: [
    #"[{address: "0.0.0.0:1080"}, {address: "127.0.0.1:1081"}]"#,
    #"[{address: "0.0.0.0:0"}, {address: "127.0.0.1:0"}]"#,
    #"[{address: "[::]:1080"}, {address: "127.0.0.1:1080"}]"#,
    #"[{address: "127.0.0.1:1080"}, {address: "127.0.0.2:1080"}]"#,
  ])
  func listenersSideBySideAreTaken(listen: String) throws {
    _ = try Self.reading(listen: listen)
  }

  @Test(
    arguments: [
      (#"[{address: "[::]:1080"}]"#, true), (#"[{address: "0.0.0.0:1080"}, {address: "[::]:1080"}]"#, false),
      (#"[{address: "[::]:1080"}, {address: "0.0.0.0:1080"}]"#, false),
      (#"[{address: "[::]:1080"}, {address: "0.0.0.0:1081"}]"#, true), (#"[{address: "0.0.0.0:1080"}]"#, false),
      (#"[{address: "[::]:1080"}, {address: "127.0.0.1:1080"}]"#, false),
      (#"[{address: "[::1]:1080"}]"#, false),
    ])
  func theIPv6WildcardAloneIsWarnedOf(listen: String, isWarned: Bool) throws {
    let warnings = try Self.reading(listen: listen).warnings.map(\.message)
    #expect(warnings.contains { $0.contains("IPv6 clients only") && $0.contains("0.0.0.0:1080") } == isWarned)
  }

  /// A principal as the log and klist show it, between double quotes.
  @Test(arguments: [#""alice\@corp.test@R""#, #""alice\user@R""#])
  func aBackslashBetweenDoubleQuotesIsExplained(principal: String) {
    let problems = Self.problems("", rule: "deny: [connect], principals: [\(principal)]")
    #expect(problems.count == 1 && problems.first?.contains("between single quotes") == true, "\(problems)")
  }

  @Test func singleQuotesKeepBackslashes() throws {
    let rule = try Self.reading(rule: #"deny: [connect], principals: ['alice\@corp.test@R']"#).configuration.rules[0]
    let principal = Identity(try #require(Principal(#"alice\@corp.test@R"#)))
    #expect(rule.identities?.contains { $0.matches(principal) } == true)
  }
}
