import SOCKSCore
import Testing

@testable import SOCKSServer

/// How a client may spell a special address, and the address that a lenient resolver makes of it.
let specialSpellings: [(asked: String, reached: String, kind: SpecialAddress)] = [
  ("127.0.0.1", "127.0.0.1", .loopback),
  ("127.0.0.1.", "127.0.0.1", .loopback),
  ("127.1", "127.0.0.1", .loopback),
  ("127.0.1", "127.0.0.1", .loopback),
  ("127.255.255.254", "127.255.255.254", .loopback),
  ("0177.0.0.1", "127.0.0.1", .loopback),
  ("0177.1", "127.0.0.1", .loopback),
  ("0x7f.0.0.1", "127.0.0.1", .loopback),
  ("0x7F.1", "127.0.0.1", .loopback),
  ("0x7f000001", "127.0.0.1", .loopback),
  ("2130706433", "127.0.0.1", .loopback),
  ("017700000001", "127.0.0.1", .loopback),
  ("localhost", "127.0.0.1", .loopback),
  ("LOCALHOST.", "::1", .loopback),
  ("localhost.localdomain", "127.0.0.1", .loopback),
  ("rebind.example.com", "127.0.0.1", .loopback),
  ("::1", "::1", .loopback),
  ("0:0:0:0:0:0:0:1", "::1", .loopback),
  ("0000::0001", "::1", .loopback),
  ("[::1]", "::1", .loopback),
  ("::1%lo", "::1", .loopback),
  ("::0.0.0.1", "::1", .loopback),
  ("::ffff:127.0.0.1", "::ffff:127.0.0.1", .loopback),
  ("::FFFF:7f00:1", "::ffff:127.0.0.1", .loopback),
  ("0:0:0:0:0:ffff:7f00:0001", "::ffff:7f00:1", .loopback),
  ("::ffff:127.8.9.10", "::ffff:127.8.9.10", .loopback),
  ("mapped.example.com", "::ffff:127.0.0.1", .loopback),
  ("::127.0.0.1", "::127.0.0.1", .loopback),
  ("::7f00:1", "::7f00:1", .loopback),
  ("::ffff:0:127.0.0.1", "::ffff:0:7f00:1", .loopback),
  ("64:ff9b::127.0.0.1", "64:ff9b::127.0.0.1", .loopback),
  ("64:ff9b::7f00:1", "64:ff9b::7f00:1", .loopback),
  ("nat64.example.com", "64:ff9b::7f00:1", .loopback),
  ("64:ff9b:1::127.0.0.1", "64:ff9b:1::127.0.0.1", .localTranslation),
  ("64:ff9b:1:7f00:0:100::", "64:ff9b:1:7f00:0:100::", .localTranslation),
  ("64:ff9b:1:ffff::1", "64:ff9b:1:ffff::1", .localTranslation),
  ("2002:7f00:1::", "2002:7f00:1::", .loopback),
  ("2002:7f00:0001:1234::5678", "2002:7f00:1:1234::5678", .loopback),
  ("2001::80ff:fffe", "2001::80ff:fffe", .loopback),
  ("2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:4136:e378:8000:63bf:80ff:fffe", .loopback),
  ("2001:0:7f00:1::1234", "2001:0:7f00:1:0:0:0:1234", .loopback),
  ("0.0.0.0", "0.0.0.0", .unspecified),
  ("0", "0.0.0.0", .unspecified),
  ("0x0", "0.0.0.0", .unspecified),
  ("0.0.0.1", "0.0.0.1", .unspecified),
  ("::", "::", .unspecified),
  ("0:0:0:0:0:0:0:0", "::", .unspecified),
  ("::ffff:0.0.0.0", "::ffff:0.0.0.0", .unspecified),
  ("64:ff9b::", "64:ff9b::", .unspecified),
  ("2002::", "2002::", .unspecified),
  ("169.254.169.254", "169.254.169.254", .linkLocal),
  ("2852039166", "169.254.169.254", .linkLocal),
  ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254", .linkLocal),
  ("0251.0376.0251.0376", "169.254.169.254", .linkLocal),
  ("metadata.example.com", "169.254.169.254", .linkLocal),
  ("::ffff:169.254.169.254", "::ffff:a9fe:a9fe", .linkLocal),
  ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe", .linkLocal),
  ("2002:a9fe:a9fe::1", "2002:a9fe:a9fe::1", .linkLocal),
  ("2001::5601:5601", "2001::5601:5601", .linkLocal),
  ("fe80::1", "fe80::1", .linkLocal),
  ("fe80::1%eth0", "fe80::1", .linkLocal),
  ("FEBF:ffff::1", "febf:ffff::1", .linkLocal),
  ("224.0.0.1", "224.0.0.1", .multicast),
  ("239.255.255.250", "239.255.255.250", .multicast),
  ("ff02::1", "ff02::1", .multicast),
  ("ff0e::1", "ff0e::1", .multicast),
  ("::ffff:224.0.0.1", "::ffff:224.0.0.1", .multicast),
  ("64:ff9b::e000:1", "64:ff9b::e000:1", .multicast),
  ("255.255.255.255", "255.255.255.255", .broadcast),
  ("4294967295", "255.255.255.255", .broadcast),
  ("64:ff9b::ffff:ffff", "64:ff9b::ffff:ffff", .broadcast),
]

private func policy(_ targets: [String]) throws -> AccessPolicy {
  AccessPolicy(rules: [
    .allow(
      [.connect], identities: [try IdentityPattern(parsing: "*@R")],
      targets: try targets.map { try TargetPattern(parsing: $0) })
  ])
}

private func request(_ host: String, port: UInt16 = 22) throws -> AccessRequest {
  AccessRequest(
    command: .connect, identity: Identity(try #require(Principal("alice@R"))), client: .v4(0xC000_0201),
    host: SOCKSHost(nameField: host.utf8), port: port)
}

extension SOCKSHost {
  fileprivate var isMalformed: Bool {
    if case .malformed = self { true } else { false }
  }
}

@Suite struct SpecialAddressTests {
  @Test func thereAreEnoughSpellings() {
    #expect(specialSpellings.count >= 60)
    #expect(Set(specialSpellings.map(\.asked)).count == specialSpellings.count)
  }

  @Test(arguments: specialSpellings.indices)
  func noSpellingPassesWithoutBeingNamed(index: Int) throws {
    let (asked, reached, kind) = specialSpellings[index]
    let request = try request(asked)
    let address = try #require(IPAddress(reached))
    var wide: [[String]] = [
      ["*"], ["0.0.0.0/0"], ["::/0"], ["*", "0.0.0.0/0", "::/0"], ["126.0.0.0/7"], ["168.0.0.0/6"], ["0.0.0.0/7"],
      ["192.0.0.0/2"], ["::/96"], ["::/1"], ["64:ff9b::/96"], ["64:ff9b::/32"], ["64:ff9b::/47"], ["2002::/16"],
      ["2001::/32"], ["2001::/16"], ["8000::/1"], ["fe00::/8"], ["128.0.0.0/1"], ["*.example.com", "*.localdomain"],
    ]
    if let name = try? NamePattern(parsing: asked) { wide.append([name.description]) }
    for targets in wide {
      let decision = try policy(targets).decision(for: request, reaching: address)
      #expect(!decision.isAllowed, "\(asked) by \(targets): \(decision)")
    }
    guard !request.host.isMalformed else { return }
    guard case .specialAddress(let found, _) = try policy(["*"]).decision(for: request, reaching: address).reason else {
      Issue.record("\(asked): not told to be special")
      return
    }
    #expect(found == kind)
  }

  @Test(arguments: specialSpellings.indices)
  func everySpellingPassesWhenItsAddressIsNamed(index: Int) throws {
    let (asked, reached, _) = specialSpellings[index]
    guard !SOCKSHost(nameField: asked.utf8).isMalformed else { return }
    let policy = try policy([reached])
    #expect(try policy.decision(for: request(asked), reaching: #require(IPAddress(reached))).isAllowed)
    #expect(try policy.preliminaryDecision(for: request(asked)) == .dependsOnAddress)
  }

  @Test(arguments: [
    ("127.0.0.0/8", "127.0.0.1"), ("127.0.0.0/9", "127.0.0.1"), ("127.0.0.0/8", "::ffff:127.0.0.1"),
    ("::ffff:127.0.0.0/104", "127.0.0.1"), ("::1", "::1"), ("fe80::/10", "fe80::1"), ("fe80::/64", "fe80::1"),
    ("169.254.0.0/16", "169.254.169.254"), ("224.0.0.0/4", "239.1.2.3"), ("ff00::/8", "ff02::1"),
    ("64:ff9b::7f00:0/104", "64:ff9b::7f00:1"), ("2002:7f00::/24", "2002:7f00:1::"),
    ("64:ff9b:1::/48", "64:ff9b:1::c000:201"), ("0.0.0.0/8", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
  ])
  func networksInsideASpecialRangeNameIt(network: String, address: String) throws {
    #expect(
      try policy([network]).decision(for: request("name.example"), reaching: #require(IPAddress(address))).isAllowed)
  }

  @Test(arguments: [
    ("127.0.0.0/8", "64:ff9b::7f00:1"), ("127.0.0.0/8", "2002:7f00:1::"), ("127.0.0.0/8", "::7f00:1"),
    ("::1", "::ffff:127.0.0.1"), ("64:ff9b:1::/48", "64:ff9b:1::7f00:1"),
  ])
  func namingARangeDoesNotNameItsOtherForms(network: String, address: String) throws {
    #expect(
      try !policy([network]).decision(for: request("name.example"), reaching: #require(IPAddress(address))).isAllowed)
  }

  @Test(arguments: [
    "192.0.2.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "126.255.255.255", "128.0.0.0", "169.253.255.255",
    "169.255.0.0",
    "223.255.255.255", "240.0.0.0", "255.255.255.254", "1.0.0.0", "2001:db8::1", "fd00::1", "fec0::1", "fe7f::1",
    "feff::1",
    "::ffff:10.0.0.1", "64:ff9b::c000:201", "2002:c000:201::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b:2::1",
    "64:ff9a::7f00:1", "2003:7f00:1::", "2001:1::80ff:fffe",
  ])
  func ordinaryAddressesAreReachedByAStar(address: String) throws {
    #expect(try policy(["*"]).decision(for: request("name.example"), reaching: #require(IPAddress(address))).isAllowed)
  }

  @Test(arguments: ["10.0.0.5", "::ffff:10.0.0.5", "64:ff9b::a00:5", "2002:a00:5::", "::a00:5"])
  func theGatewaysOwnListenersAreSpecial(address: String) throws {
    let address = try #require(IPAddress(address))
    let own: Set = [ListenerEndpoint(address: try #require(IPAddress("10.0.0.5")), port: 1080)]
    func decide(_ target: String, port: UInt16) throws -> AccessDecision {
      try policy([target]).decision(for: request("name.example", port: port), reaching: address, ownListeners: own)
    }
    #expect(
      try decide("*", port: 1080).reason == .specialAddress(.ownListener, unnamedBy: RuleReference(index: 0, name: nil))
    )
    #expect(try !decide("10.0.0.0/8", port: 1080).isAllowed)
    #expect(try decide(address.description, port: 1080).isAllowed)
    #expect(try decide("*", port: 1081).isAllowed)
  }

  /// A rule that denies is not kept from special addresses, nor from the forms that carry what it denies.
  @Test(arguments: [
    (["*"], "127.0.0.1"), (["0.0.0.0/0"], "127.0.0.1"), (["::/0"], "::1"), (["name.example"], "127.0.0.1"),
    (["10.0.0.0/8"], "64:ff9b::a00:1"), (["10.0.0.0/8"], "2002:a00:1::"), (["10.0.0.0/8"], "::ffff:10.0.0.1"),
    (["10.0.0.0/8"], "::a00:1"),
    (["10.0.0.0/8"], "2001::f5ff:fffe"),
  ])
  func denialsCoverEveryForm(targets: [String], address: String) throws {
    let address = try #require(IPAddress(address))
    let everybody = [try IdentityPattern(parsing: "*@R")]
    let policy = AccessPolicy(rules: [
      .deny([.connect], identities: everybody, targets: try targets.map { try TargetPattern(parsing: $0) }),
      .allow([.connect], identities: everybody, targets: [.any, .network(IPNetwork(address))]),
    ])
    #expect(
      try policy.decision(for: request("name.example"), reaching: address).reason
        == .denied(by: RuleReference(index: 0, name: nil)))
  }
}
