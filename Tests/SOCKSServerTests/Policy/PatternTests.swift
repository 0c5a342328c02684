import SOCKSCore
import Testing

@testable import SOCKSServer

@Suite struct PatternTests {
  @Test(arguments: [
    ("example.com", "example.com"), ("example.com", "EXAMPLE.com"), ("Example.Com", "example.com."),
    ("example.com.", "example.com"), ("*.example.com", "a.example.com"), ("*.example.com", "a.b.EXAMPLE.com."),
    ("*.com", "example.com"), ("_sip._tcp.example.com", "_sip._tcp.example.com"), ("a-b.example", "a-b.example"),
    ("localhost", "localhost"),
  ])
  func namesMatch(pattern: String, name: String) throws {
    #expect(try NamePattern(parsing: pattern).matches(HostName(name)))
  }

  @Test(arguments: [
    ("*.example.com", "example.com"), ("*.example.com", "aexample.com"),
    ("example.com", "a.example.com"), ("example.com", "example.co"), ("*.example.com", "a.example.com.evil"),
  ])
  func namesDoNotMatch(pattern: String, name: String) throws {
    #expect(try !NamePattern(parsing: pattern).matches(HostName(name)))
  }

  @Test(arguments: [
    "", ".", "*.", "*", "**.example.com", "a.*.com", "*example.com", "a..b", "-\u{0}", "a b", "1", "127.1", "0x7f.1",
    "2130706433", "1.2.3.4", "1.2.3.4.5", "a.1", "a.0x", "☃.example", "[::1]", String(repeating: "a", count: 64),
    String(repeating: "a.", count: 130) + "a",
  ])
  func wrongNamePatternsAreRefused(text: String) {
    #expect(throws: ValueError.self) { try NamePattern(parsing: text) }
  }

  @Test(arguments: [
    ("127.0.0.1", IPAddress.v4(0x7F00_0001)), ("::1", .v6(high: 0, low: 1)),
    ("::ffff:127.0.0.1", .v4(0x7F00_0001)), ("127.0.0.1.", .v4(0x7F00_0001)), ("[::1]", .v6(high: 0, low: 1)),
    ("[127.0.0.1]", .v4(0x7F00_0001)), ("[::ffff:127.0.0.1]", .v4(0x7F00_0001)),
  ])
  func literalsInNamesAreAddresses(text: String, address: IPAddress) {
    #expect(SOCKSHost(nameField: text.utf8) == .address(address))
  }

  @Test(arguments: ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost"])
  func otherTextsAreNames(text: String) throws {
    #expect(try SOCKSHost(nameField: text.utf8) == .name(HostName(text)))
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3", "10.1.2.3", true),
    ("10.1.2.3", "10.1.2.2", false), ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::", false),
    ("::/0", "1.2.3.4", false), ("::/0", "ffff::", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
    ("2001:db8::/32", "2001:db9::", false), ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
    ("2001:db8::/65", "2001:db8::8000:0:0:1", false), ("2001:db8::/64", "2001:db8:0:1::", false),
    ("::1/128", "::1", true), ("::1/128", "::2", false), ("128.0.0.0/1", "127.0.0.1", false),
  ])
  func networksContain(network: String, address: String, expected: Bool) throws {
    #expect(try IPNetwork(parsing: network).contains(#require(IPAddress(address))) == expected)
  }

  @Test(arguments: [
    "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0/8", "::/129", "::1/64", "x/8",
    "/8", "",
  ])
  func wrongNetworksAreRefused(text: String) {
    #expect(throws: ValueError.self) { try IPNetwork(parsing: text) }
  }

  @Test(arguments: [
    "", ".", "a..b", "a\0.example.com", "a b", "a\n", "ü.example", "[::1", "[a]", "fe80::1%eth0", "a/b", "*",
    String(repeating: "a", count: 64), String(repeating: "a.", count: 127) + "a",
  ])
  func malformedNamesAreRefusedWhateverTheRulesSay(name: String) throws {
    let host = SOCKSHost(nameField: name.utf8)
    let policy = AccessPolicy(rules: [
      .allow(
        [.connect], identities: [try IdentityPattern(parsing: "*@R")],
        targets: [.any, try TargetPattern(parsing: "*.example.com")])
    ])
    let identity = Identity(try #require(Principal("a@R")))
    let request = AccessRequest(command: .connect, identity: identity, client: .v4(1), host: host, port: 22)
    #expect(policy.preliminaryDecision(for: request) == .refused(AccessDecision(.malformedName)))
    #expect(policy.decision(for: request, reaching: .v4(0xC000_0201)).reason == .malformedName)
  }

  @Test func mappedNetworksAreIPv4Networks() throws {
    #expect(
      try TargetPattern(parsing: "::ffff:10.0.0.0/104") == .network(IPNetwork(parsing: "10.0.0.0/8")))
    #expect(try TargetPattern(parsing: "::ffff:10.0.0.1") == TargetPattern(parsing: "10.0.0.1"))
    #expect(try TargetPattern(parsing: "[::1]") == TargetPattern(parsing: "::1"))
    #expect(throws: ValueError.self) { try TargetPattern(parsing: "[::1") }
    #expect(try IPNetwork(parsing: "::ffff:10.0.0.0/104") == IPNetwork(parsing: "10.0.0.0/8"))
    #expect(try IPNetwork(parsing: "::ffff:0:0/96") == IPNetwork(parsing: "0.0.0.0/0"))
  }

  @Test(arguments: ["::ffff:0:0/95", "::ffff:10.0.0.0/90", "::ffff:10.0.0.0/129", "::ffff:10.0.0.1/104"])
  func wrongMappedNetworksAreRefused(text: String) {
    #expect(throws: ValueError.self) { try IPNetwork(parsing: text) }
  }

  /// Networks that are wider than the mapped range are IPv6 networks, and hold no IPv4 address in any spelling.
  @Test(arguments: ["::/0", "::/64", "::/80"])
  func widerNetworksHoldNoMappedAddress(text: String) throws {
    #expect(try !IPNetwork(parsing: text).contains(#require(IPAddress("::ffff:10.0.0.1"))))
  }

  /// Names in rules are converted as those of clients are, and literals are found behind it.
  @Test(arguments: [
    ("bücher.test", "xn--bcher-kva.test"), ("*.BÜCHER.test", "*.xn--bcher-kva.test"), ("１２７.０.０.１", "127.0.0.1"),
    ("straße.test", "xn--strae-oqa.test"), ("example。com", "example.com"), ("XN--bcher-KVA.test", "xn--bcher-kva.test"),
  ])
  func namesInRulesAreConverted(written: String, meant: String) throws {
    #expect(try TargetPattern(parsing: written) == TargetPattern(parsing: meant))
    #expect(try TargetPattern(parsing: written).description == meant)
  }

  @Test func textsAreQuotedHarmlessly() {
    #expect(quoted("a\"b\\\n\u{1B}\u{202E}") == "\"a\\\"b\\\\\\u{a}\\u{1b}\\u{202e}\"")
    #expect(quoted(String(repeating: "x", count: 1000)).count == 83)
  }
}
