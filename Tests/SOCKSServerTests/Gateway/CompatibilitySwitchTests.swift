import Logging
import NIOCore
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// The switches `unprotected` and `nec`, and anonymous clients, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct CompatibilitySwitchTests {
  typealias Setting = GatewayUnderTest.Setting
  typealias Clients = Configuration.Listener.Clients

  static func withSwitches(
    _ switches: [CompatibilitySwitch], _ body: (GatewayUnderTest) async throws -> Void
  ) async throws {
    var setting = Setting()
    setting.clients = [Clients(from: [.loopback], compatibility: switches)]
    try await GatewayUnderTest.with(setting, body)
  }

  /// What is asked for does not matter.
  @Test(arguments: [0, 1, 2, 3] as [UInt8])
  func unprotectedAnswers0AndGoesOnInClear(level: UInt8) async throws {
    let origin = try await Origin()
    try await Self.withSwitches([.unprotected]) { gateway in
      var client = try await gateway.client()
      try await client.chooseMethod()
      try await client.authenticate()
      try await client.peer.send(client.script.level([level]))
      #expect(try await client.levelAnswer() == [0x00])
      try await AuthenticationTests.relayInClear(client.peer, to: origin)
      let record = try await gateway.log.next()
      #expect(record["method"] == "gssapi" && record["principal"] == "alice@GARTER.TEST")
      #expect(record["level"] == "none" && record["compatibility"] == "unprotected")
      #expect(record.level == .warning && record["reason"] == "completed")
    }
    try await origin.close()
  }

  @Test func unprotectedTakesARequestWithoutALevelMessage() async throws {
    let origin = try await Origin()
    try await Self.withSwitches([.unprotected]) { gateway in
      let client = try await gateway.client()
      try await client.chooseMethod()
      try await client.authenticate()
      try await AuthenticationTests.relayInClear(client.peer, to: origin)
      let record = try await gateway.log.next()
      #expect(record["level"] == "none" && record["compatibility"] == "unprotected" && record.level == .warning)
    }
    try await origin.close()
  }

  /// The flag decides, whatever the name is.
  @Test(arguments: ["anonymous", "alice@GARTER.TEST"])
  func anAnonymousClientNeedsItsWordInARule(who: String) async throws {
    let origin = try await Origin()
    var setting = Setting()
    setting.attributes.services.insert(.anonymous)
    // The first rule lets the anonymous authenticate, and opens nothing here.
    setting.rules = [
      .allow([.connect], identities: [.anonymous], targets: [.network(.other)]), try AuthenticationTests.allow(who),
    ]
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let code = try await client.connect(origin.address)[1]
      #expect(code == (who == "anonymous" ? 0x00 : 0x02))
      await client.peer.close()
      if code == 0x00 { await (try await origin.accepted()).close() }
    }
    try await origin.close()
  }

  /// The same octets, without the switch or with it for others only.
  @Test(arguments: [[], [Clients(from: [.other], compatibility: CompatibilitySwitch.allCases)]] as [[Clients]])
  func withoutTheSwitchNothingGoesOnInClear(clients: [Clients]) async throws {
    let origin = try await Origin()
    var setting = Setting()
    setting.clients = clients
    try await GatewayUnderTest.with(setting) { gateway in
      for isAsking in [true, false] {
        var client = try await gateway.client()
        try await client.chooseMethod()
        try await client.authenticate()
        if isAsking { try await client.peer.send(client.script.level([0])) }
        try await client.peer.send(AuthenticationTests.request(to: origin))
        #expect(await client.peer.end() == .ended)
        #expect(client.peer.unread == [0x01, 0xff])
        await client.peer.close()
        let record = try await gateway.log.next()
        #expect(record["compatibility"] == nil && record["target"] == nil && record.level == .notice)
      }
    }
    try await origin.close()
  }

  /// Programs that protect nothing do not all ask for INTEG: it may be missing where nothing can be protected, and nowhere
  /// else.
  @Test(
    arguments: [([], [0x01, 0xff]), ([.nec], [0x01, 0xff]), ([.unprotected], SOCKSPeer.accepted)]
      as [([CompatibilitySwitch], [UInt8])])
  func onlyUnprotectedDoesWithoutIntegrity(switches: [CompatibilitySwitch], answer: [UInt8]) async throws {
    var setting = Setting()
    setting.attributes = .fake(services: [.mutual, .replay])
    // Another network's switch is none of this client's.
    setting.clients = [
      Clients(from: [.other], compatibility: [.unprotected]), Clients(from: [.loopback], compatibility: switches),
    ]
    try await GatewayUnderTest.with(setting) { gateway in
      let client = try await gateway.client()
      try await client.chooseMethod()
      try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
      #expect(await client.peer.read(answer.count) == answer)
      await client.peer.close()
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func necAnswersInClearAndProtects(level: UInt8) async throws {
    let origin = try await Origin()
    try await Self.withSwitches([.nec]) { gateway in
      var client = try await gateway.client()
      try await client.chooseMethod()
      try await client.authenticate()
      try await client.peer.send([0x01, 0x02, 0x00, 0x01, level])
      #expect(await client.peer.read(5) == [0x01, 0x02, 0x00, 0x01, level])
      #expect(try await client.connect(origin.address).starts(with: [0x05, 0x00]))
      let target = try await origin.accepted()
      try await client.send([0x75, 0x70])
      #expect(await target.read(2) == [0x75, 0x70])
      await client.peer.close()
      await target.close()
      let record = try await gateway.log.next()
      #expect(record["compatibility"] == "nec" && record.level == .warning)
      #expect(record["level"] == ProtectionLevel(rawValue: level)?.description)
    }
    try await origin.close()
  }

  /// A switch that was not needed leaves no mark.
  @Test func aWrappedLevelNeedsNoSwitch() async throws {
    let origin = try await Origin()
    try await Self.withSwitches([.nec]) { gateway in
      let (client, target) = try await gateway.relay(to: origin)
      await client.peer.close()
      await target.close()
      let record = try await gateway.log.next()
      #expect(record["compatibility"] == nil && record.level == .info && record["method"] == "gssapi")
    }
    try await origin.close()
  }
}

extension SOCKSPeer {
  /// What the gateway answers an acceptable first token with.
  fileprivate static let accepted: [UInt8] = [0x01, 0x01, 0x00, 0x02, 0x60, 0x02]
}
