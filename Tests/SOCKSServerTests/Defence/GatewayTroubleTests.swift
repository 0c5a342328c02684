import Logging
import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// What the gateway does for reasons of its own costs no client's address a penalty.
@Suite(.timeLimit(.minutes(2))) struct GatewayTroubleTests {
  typealias Setting = GatewayUnderTest.Setting

  private static let second = IPAddress.v4(0x7f00_0002)

  /// Nobody is exempt, and one penalty of any kind is enough.
  private static var strict: Setting {
    var setting = Setting()
    setting.penalties.exempt = []
    setting.penalties.minimum = .seconds(1)
    return setting
  }

  @Test func anEvictedClientHasNoPenalty() async throws {
    var setting = Self.strict
    setting.limits.unauthenticated = EarlyDrop(start: 1, rate: 100, full: 1)
    try await GatewayUnderTest.with(setting) { gateway in
      let victim = try await gateway.client()
      try await victim.chooseMethod()
      let other = try await gateway.client(from: Self.second)
      try await other.chooseMethod()
      _ = await victim.peer.end()
      #expect(try await gateway.log.next()["client"]?.hasPrefix("127.0.0.1:") == true)
      // It takes the other's place in turn, which a penalized address could not.
      try await gateway.client().chooseMethod()
    }
  }

  /// They take each other's place, a thousand times.
  @Test func aThousandEvictionsAreNoPenalty() async throws {
    var setting = Self.strict
    setting.limits.unauthenticated = EarlyDrop(start: 1, rate: 100, full: 1)
    try await GatewayUnderTest.with(setting) { gateway in
      let sources = [IPAddress.v4(0x7f00_0001), Self.second]
      var last = try await gateway.client(from: sources[0])
      try await last.chooseMethod()
      for number in 1...1_000 {
        let next = try await gateway.client(from: sources[number % 2])
        try await next.chooseMethod()
        _ = await last.peer.end()
        let record = try await gateway.log.next()
        #expect(record["reason"] == "evicted" && record["fault"] == "gateway" && record["hint"] == nil, "\(record)")
        last = next
      }
    }
  }

  @Test func aThousandPasswordsThatNobodyLooksAtAreNoPenalty() async throws {
    try await PasswordFolder.lend { folder in
      try folder.write(["alice": "secret"], cost: ScryptCost(logN: 16, blockSize: 8, parallelisation: 1))
      var setting = Self.strict
      setting.methods = [.password]
      setting.passwords = folder.configuration
      setting.passwords?.threads = 1
      setting.passwords?.queue = 1
      try await GatewayUnderTest.with(setting) { gateway in
        var refused = 0
        while refused < 1_000 {
          var peers: [Peer] = []
          for _ in 0..<100 {
            let peer = try await gateway.client().peer
            try await peer.send([0x05, 0x01, 0x02])
            #expect(await peer.read(2) == [0x05, 0x02])
            peers.append(peer)
          }
          for peer in peers { try await peer.send([0x01, 0x05] + Array("alice".utf8) + [0x06] + Array("secret".utf8)) }
          for peer in peers {
            _ = await peer.read(2)
            await peer.close()
          }
          for _ in peers where try await gateway.log.next()["reason"] == "password-queue-full" { refused += 1 }
        }
      }
    }
  }

  @Test func aThousandLoginsWithoutAKeytabAreNoPenalty() async throws {
    var setting = Self.strict
    let isMissing = Switch()
    setting.step = {
      isMissing.isOn ? .failed(SOCKSError(.keytabUnreadable, "no such file")) : .complete([0x60, 0x02])
    }
    try await GatewayUnderTest.with(setting) { gateway in
      for _ in 0..<1_000 {
        let client = try await gateway.client()
        try await client.chooseMethod()
        try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
        _ = await client.peer.end()
        // The gateway waits for that, for a while.
        await client.peer.close()
        let record = try await gateway.log.next()
        #expect(record["reason"] == "keytab-unreadable" && record["fault"] == "gateway" && record.level == .info)
      }
      isMissing.turnOff()
      var client = try await gateway.client()
      try await client.negotiate()
      // An error once, a notice when it is over, and nothing else above info.
      func lines() -> [RecordLog.Line] {
        gateway.log.lines.filter { $0["reason"] == "keytab-unreadable" && $0.level > .info }
      }
      // The answer is on its way before the session knows.
      while lines().count < 2 { await Task.yield() }
      #expect(lines().map(\.level) == [.error, .notice], "\(lines())")
    }
  }

  /// Whatever else of the machine's own fails a login.
  @Test(
    arguments: [
      (.replayCacheUnreadable, "replay-cache-unreadable"), (.configurationUnreadable, "krb5-conf-unreadable"),
      (.noDescriptors, "no-descriptors"), (.noMemory, "no-memory"), (.noDiskSpace, "no-disk-space"),
      (.queueFull, "authentication-queue-full"), (.stopping, "stopping"), (.internalError, "internal-error"),
    ] as [(SOCKSError.Code, String)])
  func otherTroubleIsNoPenalty(code: SOCKSError.Code, reason: String) async throws {
    var setting = Self.strict
    setting.step = { .failed(SOCKSError(code)) }
    try await GatewayUnderTest.with(setting) { gateway in
      for _ in 0..<3 {
        let client = try await gateway.client()
        try await client.chooseMethod()
        try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
        _ = await client.peer.end()
        let record = try await gateway.log.next()
        #expect(record["reason"] == reason && record["fault"] == "gateway" && record["hint"] == nil, "\(record)")
        await client.peer.close()
      }
    }
  }

  @Test func aDeadlineWithAStepInFlightIsTheGateways() async throws {
    var setting = Self.strict
    setting.timeouts.authentication = .seconds(2)
    setting.prepare = { $0.holdsSteps = true }
    try await GatewayUnderTest.with(setting) { gateway in
      for _ in 0..<3 {
        let client = try await gateway.client()
        try await client.chooseMethod()
        try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
        #expect(await client.peer.read(2) == [0x01, 0xff])
        let record = try await gateway.log.next()
        #expect(record["reason"] == "authentication-timeout" && record["fault"] == "gateway", "\(record)")
        #expect(record["closed_by"] == "gateway" && record["phase"] == "authentication")
        await client.peer.close()
      }
    }
  }

  /// BIND and associations, whose ports are used up: the client is answered 01, and nobody blames it.
  @Test(arguments: [SOCKSCommand.bind, .udpAssociate])
  func portsThatAreUsedUpAreTheGateways(command: SOCKSCommand) async throws {
    var setting = Self.strict
    setting.rules = [.allow([.bind, .associate], identities: [.everybody], targets: [.any])]
    let port = try await Origin.closedPort()
    setting.bind.ports = PortRange(port...port)
    setting.udp.ports = PortRange(port...port)
    try await GatewayUnderTest.with(setting) { gateway in
      var first = try await gateway.client()
      try await first.negotiate()
      try await first.sendRequest(.unspecified, command: command)
      #expect(try await first.receive()[1] == 0x00)
      for _ in 0..<3 {
        var client = try await gateway.client()
        try await client.negotiate()
        try await client.sendRequest(.unspecified, command: command)
        #expect(try await client.receive()[1] == 0x01)
        let record = try await gateway.log.next()
        #expect(record["reason"] == "no-ports" && record["fault"] == "gateway", "\(record)")
        #expect(record["closed_by"] == "gateway")
      }
    }
  }

  // MARK: Who it was

  /// What curl does has a hint; a client that offers GSS-API alone, or hangs up after its token, has none.
  @Test(arguments: [
    (offer: [0x05, 0x02, 0x00, 0x01], sendsToken: false), ([0x05, 0x02, 0x00, 0x01], true),
    ([0x05, 0x01, 0x01], false),
  ])
  func aClientThatClosesWithoutAToken(offer: [UInt8], sendsToken: Bool) async throws {
    var setting = Setting()
    setting.prepare = { $0.holdsSteps = true }
    try await GatewayUnderTest.with(setting) { gateway in
      let client = try await gateway.client()
      try await client.chooseMethod(offer: offer)
      if sendsToken { try await client.peer.send(ByteScript.authentication(SOCKSPeer.token)) }
      await client.peer.reset()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "connection-closed" && record["closed_by"] == "client", "\(record)")
      #expect((record["hint"] != nil) == (!sendsToken && offer.count > 3), "\(record)")
    }
  }

  @Test(arguments: [true, false]) func theRecordSaysWhichSideClosed(client: Bool) async throws {
    let origin = try await Origin()
    try await GatewayUnderTest.with { gateway in
      let (peer, target) = try await gateway.relay(to: origin)
      if client { await peer.peer.reset() } else { await target.reset() }
      let record = try await gateway.log.next()
      #expect(record["reason"] == "connection-closed" && record["phase"] == "relaying", "\(record)")
      #expect(record["closed_by"] == (client ? "client" : "target") && record["fault"] == record["closed_by"])
    }
    try await origin.close()
  }

  // MARK: Noise

  /// A balancer's checks, a thousand of them: at level info they are a few lines.
  @Test func checksAreFewLines() async throws {
    let start = ContinuousClock.now
    try await GatewayUnderTest.with { gateway in
      for _ in 0..<100 {
        let client = try await gateway.client()
        try await client.chooseMethod()
        await client.peer.close()
        let other = try await gateway.client()
        await other.peer.close()
        _ = try await gateway.log.next()
        _ = try await gateway.log.next()
      }
      let lines = gateway.log.lines.filter { $0.message == "session ended" && $0.level >= .info }
      // Two kinds, of each at most one a second.
      let seconds = Int((ContinuousClock.now - start).components.seconds)
      #expect((2...2 * seconds + 4).contains(lines.count), "\(lines.count)")
    }
  }

  /// Each failed login has its own.
  @Test func failedLoginsAreNotCutShort() async throws {
    var setting = Setting()
    setting.step = { .failed(SOCKSError(.contextFailed)) }
    try await GatewayUnderTest.with(setting) { gateway in
      for _ in 0..<10 {
        let client = try await gateway.client()
        try await client.chooseMethod()
        try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
        _ = await client.peer.end()
        let record = try await gateway.log.next()
        #expect(record["reason"] == "context-failed" && record.level == .notice && record["count"] == nil)
      }
    }
  }
}

private final class Switch: Sendable {
  private let state = Mutex(true)

  var isOn: Bool { self.state.withLock { $0 } }
  func turnOff() { self.state.withLock { $0 = false } }
}
