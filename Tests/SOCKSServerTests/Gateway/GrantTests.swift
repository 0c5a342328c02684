import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO
import Synchronization
import Testing

@testable import SOCKSServer

/// One evaluation of the rules for each request; the session goes by the grant for the address that it has reached.
@Suite(.timeLimit(.minutes(1))) struct GrantTests {
  typealias Setting = GatewayUnderTest.Setting

  /// Rules for single addresses, named after them.
  private static func rules(
    _ commands: Set<AccessCommand>, _ addresses: [String], short: String? = nil
  ) throws -> [AccessRule] {
    try addresses.map { address in
      .allow(
        commands, identities: [.everybody], targets: [.network(try IPNetwork(parsing: address))], name: address,
        session: address == short ? .milliseconds(200) : .seconds(3_600))
    }
  }

  private static func resolve(_ addresses: [String]) -> @Sendable (String, Int) -> Result<[IPAddress], SessionEnd> {
    { _, _ in .success(addresses.compactMap { IPAddress($0) }) }
  }

  // MARK: CONNECT

  /// The first address does not answer: rule and time are those of the second.
  @Test(arguments: [true, false]) func aConnectionGoesByTheAddressReached(byName: Bool) async throws {
    let origin = try await Origin("127.0.0.5")
    var setting = Setting()
    setting.rules = try Self.rules([.connect], ["127.0.0.4", "127.0.0.5"], short: "127.0.0.5")
    setting.lookUp = Self.resolve(["127.0.0.6", "127.0.0.4", "127.0.0.5"])
    let five = try #require(IPAddress("127.0.0.5"))
    let target =
      byName ? try SOCKSAddress(name: "several.example", port: origin.port) : SOCKSAddress(five, port: origin.port)
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      // On a busy machine the time may be over before the reply is read.
      _ = try? await client.connect(target)
      _ = await client.peer.end()
      let record = try await gateway.log.next()
      #expect(record["rule"] == "rule 2 (127.0.0.5)" && record["peer"] == "127.0.0.5:\(origin.port)")
      #expect(record["reason"] == "session-timeout")
      await client.peer.close()
    }
    try await origin.close()
  }

  /// Nothing is reached: the rule is that of the first address that might have been.
  @Test func aFailureGoesByTheFirstAddress() async throws {
    var setting = Setting()
    setting.rules = try Self.rules([.connect], ["127.0.0.4", "127.0.0.5"])
    setting.lookUp = Self.resolve(["127.0.0.6", "127.0.0.5", "127.0.0.4"])
    let port = try await Origin.closedPort()
    let (code, record) = try await ConnectTests.ask(try SOCKSAddress(name: "several.example", port: port), setting)
    #expect(code == 0x05 && record["rule"] == "rule 2 (127.0.0.5)", "\(record)")
  }

  /// Linux connects the unspecified address to the loopback; the rule is still the one that names it.
  @Test(arguments: [["0.0.0.0"], ["0.0.0.0", "127.0.0.6"]])
  func theUnspecifiedAddressKeepsItsRule(addresses: [String]) async throws {
    let origin = try await Origin("0.0.0.0")
    var setting = Setting()
    setting.rules = try Self.rules([.connect], ["0.0.0.0", "127.0.0.6"])
    setting.lookUp = Self.resolve(addresses)
    let (code, record) = try await ConnectTests.ask(try SOCKSAddress(name: "zero.example", port: origin.port), setting)
    #expect(code == 0x00 && record["rule"] == "rule 1 (0.0.0.0)", "\(record)")
    #expect(record["peer"] == "127.0.0.1:\(origin.port)")
    try await origin.close()
  }

  @Test(arguments: [true, false]) func aSpecialAddressHasTheRuleThatDoesNotNameIt(byName: Bool) async throws {
    var setting = Setting()
    setting.rules = [
      .deny([.connect], targets: [.network(try IPNetwork(parsing: "127.0.0.9"))], name: "nine"),
      .allow([.connect], identities: [.everybody], targets: [.any], name: "any"),
    ]
    setting.lookUp = Self.resolve(["127.0.0.1"])
    let target = byName ? try SOCKSAddress(name: "one.example", port: 9) : SOCKSAddress(.v4(0x7f00_0001), port: 9)
    let (code, record) = try await ConnectTests.ask(target, setting)
    #expect(code == 0x02 && record["reason"] == "refused-by-rule" && record["rule"] == "rule 2 (any)")
  }

  // MARK: BIND

  @Test(arguments: ["peer.example", "0.0.0.0"]) func aBindGoesByThePeerThatHasCome(asked: String) async throws {
    var setting = Setting()
    setting.rules = try Self.rules([.bind], ["127.0.0.1", "127.0.0.2"], short: "127.0.0.2")
    setting.lookUp = Self.resolve(["127.0.0.1", "127.0.0.2"])
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(SOCKSAddress(host: SOCKSHost(nameField: asked.utf8), port: 20))
      let peer = try? await Peer.connect(to: listener, from: "127.0.0.2")
      _ = try? await client.receiveReply()
      _ = await client.peer.end()
      let record = try await gateway.log.next()
      #expect(record["rule"] == "rule 2 (127.0.0.2)" && record["reason"] == "session-timeout")
      await peer?.close()
      await client.peer.close()
    }
  }

  // MARK: Associations

  /// The record has the first grant that was used; a target that is refused uses none.
  @Test(arguments: [true, false]) func anAssociationGoesByWhatItsDatagramsUse(isRefused: Bool) async throws {
    let (lookups, continuation) = AsyncStream.makeStream(of: Void.self)
    let setting = Setting.associating {
      let nine = TargetPattern.network(IPNetwork(.v4(0x7f00_0009)))
      $0.rules.insert(.deny([.associate], targets: [nine], name: "nine"), at: 0)
      $0.lookUp = { _, _ in
        continuation.yield()
        return .failure(SessionEnd(.connectFailed(.noSuchName)))
      }
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      try await client.send([1], to: SOCKSAddress(.v4(0x7f00_0009), port: 9))
      if isRefused {
        // When this one's name is looked up, the first has been looked at.
        try await client.send([2], to: try SOCKSAddress(name: "none.example", port: 9))
        for await _ in lookups { break }
      } else {
        try await client.send([2], to: target.address)
        #expect(try await target.receive().octets == [2])
      }
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["rule"] == (isRefused ? "rule 1 (nine)" : "rule 2 (loopback)"), "\(record)")
    }
  }

  /// A name with two addresses, of which the rules grant the second: its bandwidth holds.
  @Test func anAssociationHasTheBandwidthOfTheAddressReached() async throws {
    let lookups = Mutex(0)
    let setting = Setting.associating {
      $0.rules = [
        .allow(
          [.associate], identities: [.everybody], targets: [.network(IPNetwork(.v4(0x7f00_0001)))], name: "one",
          bandwidth: Bandwidth(octetsPerSecond: 1 << 10))
      ]
      $0.lookUp = { name, limit in
        lookups.withLock { $0 += 1 }
        return Self.resolve(["127.0.0.9", "127.0.0.1"])(name, limit)
      }
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      let name = try SOCKSAddress(name: "two.example", port: target.address.port)
      // A minute's worth.
      try await client.send(pattern(60_000), to: name)
      _ = try await target.receive()
      try await client.send([1], to: name)
      // Nothing that is relayed: when its name is looked up, those before it have been looked at.
      try await client.send([2], to: try SOCKSAddress(name: "other.example", port: target.address.port))
      while lookups.withLock({ $0 }) < 2 { await Task.yield() }
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["rule"] == "rule 1 (one)" && record["datagrams_up"] == "1", "\(record)")
      #expect(record["dropped_over_bandwidth"] != nil, "\(record)")
    }
  }

  // MARK: Evaluations

  /// Whatever a request leads to, the rules are asked once about it, and once about its addresses.
  @Test func everyRequestIsEvaluatedOnce() async throws {
    let asked = Mutex<[RulesQuestion]>([])
    let origin = try await Origin()
    let one = IPAddress.v4(0x7f00_0001)
    let addresses = ["127.0.0.9", "127.0.0.1", "127.0.0.2"]
    var setting = Setting()
    setting.rules = try Self.rules([.connect, .bind, .associate], ["127.0.0.1", "127.0.0.2"])
    setting.lookUp = Self.resolve(addresses)
    setting.rulesAsked = { question in asked.withLock { $0.append(question) } }
    func questions() -> [RulesQuestion] {
      asked.withLock { questions in
        defer { questions = [] }
        return questions
      }
    }
    let name = try SOCKSAddress(name: "several.example", port: origin.port)
    let all = addresses.compactMap { IPAddress($0) }
    try await GatewayUnderTest.with(setting) { gateway in
      for (target, expected) in [
        (origin.address, [.request(.connect, .address(one)), .addresses([one])]),
        (name, [.request(.connect, name.host), .addresses(all)]),
        (SOCKSAddress(.v4(0x7f00_0009), port: 9), [.request(.connect, .address(all[0])), .addresses([all[0]])]),
      ] as [(SOCKSAddress, [RulesQuestion])] {
        var client = try await gateway.client()
        try await client.negotiate()
        _ = try await client.connect(target)
        await client.peer.reset()
        _ = try await gateway.log.next()
        #expect(questions() == expected)
      }
      for (target, expected) in [
        (SOCKSAddress(one, port: 20), [.request(.bind, .address(one)), .addresses([one])]),
        (name, [.request(.bind, name.host), .addresses(all)]),
        // Nobody is asked for: who comes is the address.
        (SOCKSAddress(.v4(0), port: 0), [.request(.bind, .address(.v4(0))), .addresses([one])]),
      ] as [(SOCKSAddress, [RulesQuestion])] {
        var client = try await gateway.client()
        try await client.negotiate()
        let peer = try await Peer.connect(to: try await client.bind(target), from: "127.0.0.1")
        _ = try await client.receiveReply()
        await peer.close()
        await client.peer.reset()
        _ = try await gateway.log.next()
        #expect(questions() == expected)
      }
      let target = try await DatagramPeer()
      var client = try await AssociatedPeer(gateway)
      let named = try SOCKSAddress(name: "several.example", port: target.address.port)
      for address in [target.address, named] {
        try await client.send([1], to: address)
        _ = try await target.receive()
        let expected: [RulesQuestion] = [
          .request(.associate, address.host), .addresses(address == named ? all : [one]),
        ]
        #expect(questions() == expected)
      }
      await client.close()
      await target.close()
    }
    try await origin.close()
  }
}
