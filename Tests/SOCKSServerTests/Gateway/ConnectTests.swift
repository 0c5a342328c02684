import Glibc
import Logging
import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// What the rules and the network make of a request: reply codes and records.
@Suite(.timeLimit(.minutes(1))) struct ConnectTests {
  typealias Setting = GatewayUnderTest.Setting

  static let any = AccessRule.allow([.connect], identities: [.everybody], targets: [.any], name: "any")
  static let loopback6 = AccessRule.allow(
    [.connect], identities: [.everybody], targets: [.network(IPNetwork(.v6(high: 0, low: 1)))], name: "loopback6")

  /// Asks for one target, and gives back the reply's code and the session's record.
  static func ask(
    _ target: SOCKSAddress, _ setting: Setting
  ) async throws -> (code: UInt8, record: RecordLog.Line) {
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let reply = try await client.connect(target)
      #expect(reply.prefix(1) == [0x05] && reply.count >= 10)
      // The refusal is followed by the end of the stream; after a success that is the test's wish.
      if reply[1] == 0 { await client.peer.reset() } else { #expect(await client.peer.end() == .ended) }
      await client.peer.close()
      let record = try await gateway.log.next()
      #expect(gateway.log.ended.count == 1)
      return (reply[1], record)
    }
  }

  // MARK: Rules

  @Test func anAllowedAddressIsReached() async throws {
    let origin = try await Origin()
    try await GatewayUnderTest.with { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let reply = try await client.connect(origin.address)
      let target = try await origin.accepted()
      let bound = try #require(target.channel.remoteAddress.flatMap(SOCKSAddress.init))
      // The reply names the address that the target sees.
      #expect(Array(reply.prefix(8)) == [0x05, 0x00, 0x00, 0x01, 127, 0, 0, 1])
      #expect(UInt16(reply[8]) << 8 | UInt16(reply[9]) == bound.port)
      await client.peer.reset()
      let record = try await gateway.log.next()
      #expect(record["rule"] == "rule 1 (loopback)" && record["peer"] == "\(origin.address)")
    }
    try await origin.close()
  }

  @Test(
    arguments: [
      ("192.0.2.1", "no rule allows it", nil), ("127.0.0.9", "denied by rule 1 (never)", "rule 1 (never)"),
    ] as [(String, String, String?)])
  func theRulesSayNo(address: String, detail: String, rule: String?) async throws {
    var setting = Setting()
    let nine = try IPNetwork(parsing: "127.0.0.9")
    setting.rules = [.deny([.connect], targets: [.network(nine)], name: "never"), GatewayUnderTest.loopback]
    let ip = try #require(IPAddress(address))
    let (code, record) = try await Self.ask(SOCKSAddress(ip, port: 9), setting)
    #expect(code == 0x02)
    #expect(record["reason"] == "refused-by-rule" && record["detail"] == detail && record["rule"] == rule)
    #expect(record["fault"] == "policy" && record["phase"] == "serving")
    #expect(record.level == .notice)
  }

  @Test func aPrincipalThatCannotBeReadReachesNothing() async throws {
    for name in ["", "alice", "a@b@c", "alice@GARTER.TEST\\"] {
      var setting = Setting()
      setting.attributes.initiatorName = name
      let (code, record) = try await Self.ask(SOCKSAddress(.v4(0x7f00_0001), port: 9), setting)
      #expect(code == 0x02 && record["detail"] == "the principal's name cannot be read", "\(name)")
    }
  }

  @Test func theGatewayDoesNotDialItself() async throws {
    // 127.0.0.0/8 is named by a rule, but the gateway's own listener has to be named itself.
    let record = try await GatewayUnderTest.with { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      #expect(try await client.connect(gateway.address)[1] == 0x02)
      await client.peer.close()
      return try await gateway.log.next()
    }
    #expect(record["detail"]?.contains("own") == true, "\(record)")
  }

  /// A listener on all addresses is one on each of them.
  @Test func theGatewayDoesNotDialItselfByAnotherAddress() async throws {
    var setting = Setting()
    setting.listeners = [ListenAddress(address: .v4(0), port: 0)]
    try await GatewayUnderTest.with(setting) { gateway in
      let loopback = SOCKSAddress(.v4(0x7f00_0001), port: gateway.address.port)
      // The second is on no device, and yet the machine's.
      for own in [loopback, SOCKSAddress(.v4(0x7f00_0002), port: gateway.address.port)] {
        var client = try await SOCKSPeer(loopback)
        try await client.negotiate()
        #expect(try await client.connect(own)[1] == 0x02)
        await client.peer.close()
      }
    }
  }

  // MARK: Names

  private final class Resolver: Sendable {
    let asked = Mutex<[String]>([])
    let addresses: [IPAddress]
    init(_ addresses: [IPAddress]) { self.addresses = addresses }

    var lookUp: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd> {
      { name, _ in
        self.asked.withLock { $0.append(name) }
        return .success(self.addresses)
      }
    }
  }

  @Test func aNameIsResolvedOnceAndTheCheckedAddressIsDialled() async throws {
    let origin = try await Origin("127.0.0.3")
    let resolver = Resolver([.v4(0x7f00_0003)])
    var setting = Setting()
    setting.rules = [
      .allow([.connect], identities: [.everybody], targets: [.network(try IPNetwork(parsing: "127.0.0.3"))])
    ]
    setting.lookUp = resolver.lookUp
    let (code, record) = try await Self.ask(try SOCKSAddress(name: "Web.Example", port: origin.port), setting)
    #expect(code == 0x00 && resolver.asked.withLock { $0 } == ["web.example"])
    #expect(record["peer"] == "127.0.0.3:\(origin.port)" && record["target"] == "Web.Example:\(origin.port)")
    try await origin.close()
  }

  @Test func nothingIsResolvedWhenNoRuleCouldAllowIt() async throws {
    let resolver = Resolver([.v4(0x7f00_0001)])
    var setting = Setting()
    setting.lookUp = resolver.lookUp
    setting.rules = [
      .deny([.connect], targets: [.name(try NamePattern(parsing: "*.secret.example"))]), GatewayUnderTest.loopback,
    ]
    for name in ["a.secret.example", "b.A.Secret.example.", "caf\u{e9}.secret.example"] {
      let (code, record) = try await Self.ask(try SOCKSAddress(name: name, port: 9), setting)
      #expect(code == 0x02 && record["reason"] == "refused-by-rule", "\(name)")
    }
    for name in ["not_ok..example", "not ok.example"] {
      let (code, record) = try await Self.ask(try SOCKSAddress(name: name, port: 9), setting)
      #expect(code == 0x04 && record["reason"] == "malformed-name", "\(name)")
    }
    #expect(resolver.asked.withLock { $0 }.isEmpty)
  }

  @Test func ofSeveralAddressesOnlyTheAllowedAreDialled() async throws {
    let forbidden = try await Origin("127.0.0.4")
    let allowed = try await Origin("127.0.0.5", port: forbidden.port)
    let resolver = Resolver([.v4(0x7f00_0004), .v4(0x7f00_0005), .v4(0x7f00_0004)])
    var setting = Setting()
    setting.rules = [
      .deny([.connect], targets: [.network(try IPNetwork(parsing: "127.0.0.4"))], name: "four"),
      GatewayUnderTest.loopback,
    ]
    setting.lookUp = resolver.lookUp
    let (code, record) = try await Self.ask(try SOCKSAddress(name: "mixed.example", port: allowed.port), setting)
    #expect(code == 0x00 && record["peer"] == "127.0.0.5:\(allowed.port)")
    // The rule that let the session through, not the last one asked.
    #expect(record["rule"] == "rule 2 (loopback)")
    _ = try await allowed.accepted()
    try await forbidden.close()
    try await allowed.close()
  }

  @Test func aNameThatOnlyLeadsToForbiddenAddressesIsRefused() async throws {
    let resolver = Resolver([.v4(0x7f00_0001), .v6(high: 0, low: 1)])
    var setting = Setting()
    setting.rules = [Self.any]
    setting.lookUp = resolver.lookUp
    let (code, record) = try await Self.ask(try SOCKSAddress(name: "rebound.example", port: 9), setting)
    #expect(code == 0x02 && record["reason"] == "refused-by-rule")
    #expect(record["detail"]?.contains("special") == true && record["peer"] == nil)
  }

  @Test func aNameWithoutAddressIsUnreachable() async throws {
    var setting = Setting()
    let (code, record) = try await Self.ask(try SOCKSAddress(name: "none.example", port: 9), setting)
    #expect(code == 0x04 && record["reason"] == "no-such-name" && record.level == .info)
    setting.lookUp = { _, _ in .success([]) }
    #expect(try await Self.ask(try SOCKSAddress(name: "none.example", port: 9), setting).code == 0x04)
  }

  @Test func aResolverThatHangsEndsAtItsDeadlineAndHoldsNothingUp() async throws {
    let gate = Gate()
    var setting = Setting()
    setting.limits.lookupThreads = 1
    setting.timeouts.resolve = .milliseconds(50)
    let asked = Mutex<[String]>([])
    setting.lookUp = { name, _ in
      asked.withLock { $0.append(name) }
      gate.wait()
      return .success([.v4(0x7f00_0001)])
    }
    for name in ["first.example", "second.example"] {
      let (code, record) = try await Self.ask(try SOCKSAddress(name: name, port: 9), setting)
      #expect(code == 0x04 && record["reason"] == "resolve-timeout")
    }
    gate.open()
    #expect(asked.withLock { $0 } == ["first.example", "second.example"])
  }

  /// A lookup that nobody waits for any more is not begun when its turn comes.
  @Test func lookupsThatWaitedTooLongAreNotBegun() async throws {
    let gate = Gate()
    let asked = Mutex<[String]>([])
    var setting = Setting()
    setting.limits.lookupThreads = 1
    setting.timeouts.resolve = .milliseconds(100)
    setting.lookUp = { name, _ in
      asked.withLock { $0.append(name) }
      if name == "slow.example" { gate.wait() }
      return .success([.v4(0x7f00_0001)])
    }
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      for name in ["slow.example", "given-up.example"] {
        var client = try await gateway.client()
        try await client.negotiate()
        #expect(try await client.connect(try SOCKSAddress(name: name, port: 9))[1] == 0x04)
        await client.peer.close()
      }
      gate.open()
      var client = try await gateway.client()
      try await client.negotiate()
      #expect(try await client.connect(try SOCKSAddress(name: "quick.example", port: origin.port))[1] == 0x00)
      await client.peer.close()
    }
    #expect(asked.withLock { $0 } == ["slow.example", "quick.example"])
    try await origin.close()
  }

  @Test func tooManyLookupsAtOnceFail() async throws {
    let gate = Gate()
    var setting = Setting()
    setting.limits.lookups = 1
    setting.lookUp = { _, _ in
      gate.wait()
      return .failure(SessionEnd(.connectFailed(.noSuchName)))
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var first = try await gateway.client()
      try await first.negotiate()
      try await first.sendRequest(try SOCKSAddress(name: "a.example", port: 9))
      await gate.entered()
      var second = try await gateway.client()
      try await second.negotiate()
      #expect(try await second.connect(try SOCKSAddress(name: "b.example", port: 9))[1] == 0x01)
      await second.peer.close()
      #expect(try await gateway.log.next()["reason"] == "lookup-queue-full")
      gate.open()
      #expect(try await first.receive()[1] == 0x04)
      await first.peer.close()
    }
  }

  // MARK: The network

  @Test func aRefusalIsTold() async throws {
    let port = try await Origin.closedPort()
    let (code, record) = try await Self.ask(SOCKSAddress(.v4(0x7f00_0001), port: port), Setting())
    #expect(code == 0x05 && record["reason"] == "connection-refused" && record["rule"] == "rule 1 (loopback)")
    #expect(record["peer"] == nil && record.level == .info)
  }

  /// The system answers these at once, within the call.
  @Test(
    arguments: [
      // A broadcast address without permission.
      ("255.255.255.255", [0x01, 0x03]),
      // A multicast address, and one of a link that is not named.
      ("224.0.0.1", [0x01, 0x03]), ("fe80::1", [0x01, 0x03]),
    ] as [(String, Set<UInt8>)])
  func aFailureThatIsKnownAtOnceIsTold(address: String, codes: Set<UInt8>) async throws {
    let ip = try #require(IPAddress(address))
    var setting = Setting()
    setting.timeouts.connect = .milliseconds(300)
    setting.rules = [
      .allow([.connect], identities: [.everybody], targets: [.network(IPNetwork(ip))])
    ]
    let (code, record) = try await Self.ask(SOCKSAddress(ip, port: 9), setting)
    #expect(codes.contains(code), "\(code) \(record)")
  }

  @Test func ofSeveralFailuresTheRefusalIsTold() async throws {
    let port = try await Origin.closedPort()
    var setting = Setting()
    setting.rules = [
      .allow(
        [.connect], identities: [.everybody],
        targets: [
          .network(try IPNetwork(parsing: "255.255.255.255")), .network(.loopback),
        ])
    ]
    for addresses in [[0xffff_ffff, 0x7f00_0001], [0x7f00_0001, 0xffff_ffff]] as [[UInt32]] {
      setting.lookUp = { _, _ in .success(addresses.map { .v4($0) }) }
      let (code, record) = try await Self.ask(try SOCKSAddress(name: "several.example", port: port), setting)
      #expect(code == 0x05 && record["reason"] == "connection-refused", "\(record)")
    }
  }

  @Test func everyKindOfFailureHasItsCode() {
    func io(_ number: CInt) -> any Error { IOError(errnoCode: number, reason: "connect") }
    let table: [(any Error, UInt8)] = [
      (io(ECONNREFUSED), 0x05), (io(ENETUNREACH), 0x03), (io(ENETDOWN), 0x03), (io(EHOSTUNREACH), 0x04),
      (io(EHOSTDOWN), 0x04), (io(ETIMEDOUT), 0x04), (io(EACCES), 0x01), (io(EMFILE), 0x01), (io(EADDRNOTAVAIL), 0x01),
      (ChannelError.connectTimeout(.seconds(1)), 0x04), (ChannelError.ioOnClosedChannel, 0x01),
    ]
    for (error, code) in table {
      #expect(SessionEnd(connecting: error).replyCode.rawValue == code, "\(error)")
    }
  }

  /// A listener that accepts nothing, with its queue full: the next connection gets no answer.
  @Test func aTargetThatDoesNotAnswerIsUnreachable() async throws {
    let silent = try await SilentTarget()
    for name in [nil, "silent.example"] as [String?] {
      var setting = Setting()
      setting.timeouts.connect = .milliseconds(100)
      setting.lookUp = { _, _ in .success([.v4(0x7f00_0001), .v4(0x7f00_0001)]) }
      let target =
        try name.map { try SOCKSAddress(name: $0, port: silent.port) }
        ?? SOCKSAddress(.v4(0x7f00_0001), port: silent.port)
      let (code, record) = try await Self.ask(target, setting)
      #expect(code == 0x04 && record["reason"] == "connect-timeout", "\(record)")
    }
    await silent.close()
  }

  /// One address refuses, another does not answer until the time for all of them is over.
  @Test func aRefusalSaysMoreThanSilence() async throws {
    let silent = try await SilentTarget()
    for addresses in [[IPAddress.v4(0x7f00_0002), .v4(0x7f00_0001)], [.v4(0x7f00_0001), .v4(0x7f00_0002)]] {
      var setting = Setting()
      // The second address is tried a quarter of a second after the first.
      setting.timeouts.connect = .milliseconds(1_000)
      setting.lookUp = { _, _ in .success(addresses) }
      let (code, record) = try await Self.ask(try SOCKSAddress(name: "silent.example", port: silent.port), setting)
      #expect(code == 0x05 && record["reason"] == "connection-refused", "\(record)")
    }
    await silent.close()
  }

  @Test func aClientThatGoesDuringTheDialEndsTheDial() async throws {
    let silent = try await SilentTarget()
    var setting = Setting()
    setting.timeouts.connect = .seconds(600)
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let before = Sockets.count(port: silent.port)
      try await client.sendRequest(SOCKSAddress(.v4(0x7f00_0001), port: silent.port))
      await Sockets.wait(port: silent.port, until: before + 1)
      await client.peer.reset()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "connection-closed" && record["phase"] == "serving")
      #expect(record["rule"] == "rule 1 (loopback)" && record["bytes_up"] == "0")
      // Long before the dial's deadline.
      await Sockets.wait(port: silent.port, until: before)
    }
    await silent.close()
  }

  @Test func aClientThatGoesDuringTheLookupIsForgotten() async throws {
    let gate = Gate()
    let origin = try await Origin()
    var setting = Setting()
    let port = origin.port
    setting.lookUp = { name, _ in
      if name == "slow.example" { gate.wait() }
      return .success([.v4(0x7f00_0001)])
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.sendRequest(try SOCKSAddress(name: "slow.example", port: port))
      await gate.entered()
      await client.peer.reset()
      _ = try await gateway.log.next()
      gate.open()
      // A later session's connection is the first that the target sees.
      var second = try await gateway.client()
      try await second.negotiate()
      let reply = try await second.connect(try SOCKSAddress(name: "fast.example", port: port))
      let target = try await origin.accepted()
      let bound = try #require(target.channel.remoteAddress?.port)
      #expect(Int(reply[8]) << 8 | Int(reply[9]) == bound)
      await second.peer.close()
    }
    try await origin.close()
  }
}
