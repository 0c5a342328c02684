import Glibc
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// The limits at work in a gateway.
@Suite(.timeLimit(.minutes(1))) struct GatewayDefenceTests {
  typealias Setting = GatewayUnderTest.Setting

  private static let second = IPAddress.v4(0x7f00_0002)
  private static let third = IPAddress.v4(0x7f00_0003)

  /// A connection that the gateway closes without a word, maybe before it has been set up here.
  private func expectRefused(_ connect: @autoclosure () async throws -> SOCKSPeer) async throws {
    do {
      let client = try await connect()
      _ = await client.peer.end()
      #expect(client.peer.unread.isEmpty)
    } catch is ChannelError {}
  }

  private func refusals(_ gateway: GatewayUnderTest) -> [String?] {
    gateway.log.lines.filter { $0.message == "connections refused" }.map { $0["reason"] }
  }

  // MARK: Connections

  @Test func anAddressHasSoManyConnections() async throws {
    var setting = Setting()
    setting.limits.connectionsPerAddress = 2
    try await GatewayUnderTest.with(setting) { gateway in
      var clients = try await [gateway.client(), gateway.client()]
      for index in clients.indices { try await clients[index].negotiate() }
      try await self.expectRefused(await gateway.client())
      #expect(self.refusals(gateway) == [AdmissionRefusal.connectionsPerAddress.rawValue])
      let other = try await gateway.client(from: Self.second)
      try await other.chooseMethod()
      await clients[0].peer.close()
      _ = try await gateway.log.next()
      // Its place is free a turn after its record is written.
      try await self.eventually { try await gateway.client() }
    }
  }

  @Test func anAddressHasSoManyThatHaveNotAuthenticated() async throws {
    var setting = Setting()
    setting.limits.unauthenticatedPerAddress = 1
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.chooseMethod()
      try await self.expectRefused(await gateway.client())
      #expect(self.refusals(gateway) == [AdmissionRefusal.unauthenticatedPerAddress.rawValue])
      try await client.authenticate()
      try await client.agree(2)
      try await gateway.client().chooseMethod()
    }
  }

  @Test func beyondTheMarkOnesOwnOthersAreRefused() async throws {
    var setting = Setting()
    setting.limits.unauthenticated = EarlyDrop(start: 1, rate: 50, full: 10)
    let number = Mutex(99)
    setting.random = { min($0 - 1, number.withLock { $0 }) }
    try await GatewayUnderTest.with(setting) { gateway in
      let client = try await gateway.client()
      try await client.chooseMethod()
      try await gateway.client().chooseMethod()
      number.withLock { $0 = 0 }
      try await self.expectRefused(await gateway.client())
      #expect(self.refusals(gateway) == [AdmissionRefusal.unauthenticated.rawValue])
    }
  }

  @Test func theFirstOfAnAddressTakesTheNextOnesPlace() async throws {
    var setting = Setting()
    setting.limits.unauthenticated = EarlyDrop(start: 2, rate: 100, full: 2)
    try await GatewayUnderTest.with(setting) { gateway in
      var known = try await gateway.client(from: Self.third)
      try await known.negotiate()
      let crowd = try await [gateway.client(), gateway.client()]
      for client in crowd { try await client.chooseMethod() }
      let one = try await gateway.client(from: Self.second)
      try await one.chooseMethod()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "evicted")
      #expect(record["client"]?.hasPrefix("127.0.0.1:") == true)
      try await one.authenticate()
    }
  }

  // MARK: Penalties

  @Test func whoFailsTooOftenIsShutOutForAWhile() async throws {
    let now = Mutex(NIODeadline.now())
    var setting = Setting()
    setting.penalties.exempt = []
    setting.now = { now.withLock { $0 } }
    try await GatewayUnderTest.with(setting) { gateway in
      for _ in 0..<3 {
        let client = try await gateway.client()
        try await client.chooseMethod()
        try await client.peer.send([0x09, 0x01, 0x01])
        _ = await client.peer.end()
        #expect(try await gateway.log.next()["reason"] == "wrong-version")
      }
      try await self.expectRefused(await gateway.client())
      #expect(self.refusals(gateway) == [AdmissionRefusal.penalized.rawValue])
      try await gateway.client(from: Self.second).chooseMethod()
      now.withLock { $0 = $0 + .milliseconds(14_999) }
      try await self.expectRefused(await gateway.client())
      now.withLock { $0 = $0 + .milliseconds(1) }
      try await gateway.client().chooseMethod()
    }
  }

  @Test func aContextThatIsRefusedIsAFailure() async throws {
    var setting = Setting()
    setting.penalties.exempt = []
    setting.penalties.minimum = .seconds(5)
    setting.attributes.services = []
    try await GatewayUnderTest.with(setting) { gateway in
      let client = try await gateway.client()
      try await client.chooseMethod()
      try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
      _ = await client.peer.end()
      #expect(try await gateway.log.next()["reason"] == "context-too-weak")
      try await self.expectRefused(await gateway.client())
    }
  }

  @Test func aDeadlineIsAFailureAndTheExemptHaveNone() async throws {
    var setting = Setting()
    setting.penalties.exempt = [IPNetwork(Self.second)]
    setting.penalties.minimum = .seconds(10)
    setting.timeouts.method = .milliseconds(50)
    try await GatewayUnderTest.with(setting) { gateway in
      for source in [Self.second, Self.third] {
        // It may be over before the client is set up.
        if let client = try? await gateway.client(from: source) { _ = await client.peer.end() }
        #expect(try await gateway.log.next()["reason"] == "method-timeout")
      }
      try await self.expectRefused(await gateway.client(from: Self.third))
      // Admitted, until its deadline.
      let admitted = try? await gateway.client(from: Self.second)
      #expect(try await gateway.log.next()["reason"] == "method-timeout")
      await admitted?.peer.close()
    }
  }

  /// What an authenticated client does later is no failure to authenticate.
  @Test func theAuthenticatedAreNotPenalised() async throws {
    var setting = Setting()
    setting.penalties.exempt = []
    setting.penalties.minimum = .seconds(1)
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.peer.send([0xff])
      _ = await client.peer.end()
      _ = try await gateway.log.next()
      try await gateway.client().chooseMethod()
    }
  }

  // MARK: Sessions

  @Test(arguments: [SOCKSCommand.connect, .bind, .udpAssociate])
  func aPrincipalHasSoManySessions(command: SOCKSCommand) async throws {
    var setting = Setting()
    setting.rules[0].commands = [.connect, .bind, .associate]
    setting.limits.sessionsPerPrincipal = 1
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      let (client, target) = try await gateway.relay(to: origin)
      var second = try await gateway.client()
      try await second.negotiate()
      try await second.sendRequest(origin.address, command: command)
      #expect(try await second.receive().prefix(2) == [0x05, 0x02])
      let record = try await gateway.log.next()
      #expect(record["reason"] == "too-many-sessions" && record["peer"] == nil)
      try await client.peer.finish()
      try await target.finish()
      _ = try await gateway.log.next()
      _ = try await gateway.relay(to: origin)
    }
    try await origin.close()
  }

  @Test(arguments: [true, false]) func aSessionHasItsTime(byRule: Bool) async throws {
    var setting = Setting()
    if byRule {
      setting.rules[0].session = .milliseconds(100)
    } else {
      setting.timeouts.session = .milliseconds(100)
    }
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      let (client, target) = try await gateway.relay(to: origin)
      #expect(await client.peer.end() == .failed(ECONNRESET))
      #expect(await target.end() == .failed(ECONNRESET))
      let record = try await gateway.log.next()
      #expect(record["reason"] == "session-timeout" && record["detail"]?.contains("lasted") == true)
    }
    try await origin.close()
  }

  @Test func aRuleMayGiveMoreTimeThanTheConfiguration() async throws {
    var setting = Setting()
    setting.timeouts.session = .milliseconds(1)
    setting.rules[0].session = .seconds(3600)
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      var (client, target) = try await gateway.relay(to: origin)
      // Longer than the other would allow.
      try await Task.sleep(for: .milliseconds(50))
      try await client.send([0x01])
      #expect(await target.read(1) == [0x01])
      try await client.peer.finish()
      try await target.finish()
      #expect(try await gateway.log.next()["reason"] == "completed")
    }
    try await origin.close()
  }

  // MARK: Bandwidth

  /// Never faster than allowed: after the first read, each octet has its time.
  @Test(arguments: [true, false], [true, false])
  func octetsTakeTheirTime(byRule: Bool, up: Bool) async throws {
    var setting = Setting()
    let bandwidth = Bandwidth(octetsPerSecond: 1 << 20)
    if byRule { setting.rules[0].bandwidth = bandwidth } else { setting.limits.bandwidthPerPrincipal = bandwidth }
    let octets = [UInt8](repeating: 0x2a, count: 400_000)
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      var (client, target) = try await gateway.relay(to: origin)
      let start = ContinuousClock.now
      if up {
        for place in stride(from: 0, to: octets.count, by: 10_000) {
          try await client.send(Array(octets[place..<place + 10_000]))
        }
        #expect(await target.read(octets.count) == octets)
      } else {
        try await target.send(octets)
        #expect(try await client.receive(octets.count) == octets)
      }
      // 400,000 octets at 1 MiB/s are 381 ms; the last read and the first wait for nothing.
      #expect(ContinuousClock.now - start > .milliseconds(381 - 130))
      try await client.peer.finish()
      try await target.finish()
      #expect(try await gateway.log.next()["reason"] == "completed")
    }
    try await origin.close()
  }

  // MARK: Lookups

  /// With threads to spare, the second name of the same user is not looked up while the first hangs.
  @Test(arguments: [SOCKSCommand.connect, .bind])
  func oneUsersSlowNamesDoNotTakeAllThreads(command: SOCKSCommand) async throws {
    let gate = Gate()
    let begun = Atomic(0)
    var setting = Setting()
    setting.rules = [.allow([.connect, .bind], identities: [.everybody], targets: [.any])]
    setting.limits.lookupThreadsPerPrincipal = 1
    setting.timeouts.resolve = .milliseconds(100)
    setting.lookUp = { _, _ in
      begun.add(1, ordering: .relaxed)
      gate.wait()
      return .failure(SessionEnd(.connectFailed(.noSuchName)))
    }
    try await GatewayUnderTest.with(setting) { gateway in
      for _ in 0..<3 {
        var client = try await gateway.client()
        try await client.negotiate()
        try await client.sendRequest(try SOCKSAddress(name: "slow.example", port: 9), command: command)
        #expect(try await client.receive().prefix(2) == [0x05, 0x04])
      }
      #expect(begun.load(ordering: .relaxed) == 1)
    }
    gate.open()
  }

  // MARK: Descriptors

  private static func setting(descriptors: Int) -> Setting {
    var setting = Setting()
    let plan = DescriptorPlan(setting.configuration, available: nil, eventLoops: System.coreCount)
    setting.descriptors = plan.reserve + descriptors
    return setting
  }

  /// Five: an authenticated client and its target, and three that have not authenticated. The next one takes the place of
  /// one of those, drawn at random, instead of waiting for its deadline.
  @Test func withFewDescriptorsANewClientTakesTheNextOnesPlace() async throws {
    var setting = Self.setting(descriptors: 5)
    setting.random = { _ in 0 }
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      let warning = try #require(gateway.log.lines.first { $0.message == "too few descriptors" })
      #expect(warning.level == .warning && warning["detail"]?.contains("at most 2") == true)
      let (relaying, target) = try await gateway.relay(to: origin)
      let first = try await gateway.client()
      try await first.chooseMethod()
      var second = try await gateway.client()
      try await second.chooseMethod()
      let third = try await gateway.client()
      try await third.chooseMethod()
      let next = try await gateway.client()
      try await next.chooseMethod()
      #expect(try await gateway.log.next()["reason"] == "evicted")
      #expect(await first.peer.end() == .ended)
      // Its target has its place, and another client goes for it.
      try await second.authenticate()
      try await second.agree(2)
      #expect(try await gateway.log.next()["reason"] == "evicted")
      #expect(try await second.connect(origin.address).starts(with: [0x05, 0x00]))
      let secondTarget = try await origin.accepted()
      // One is left of the two, and for its target nothing is. It is answered.
      var last = try await gateway.client()
      try await last.negotiate()
      #expect(try await last.connect(origin.address).starts(with: [0x05, 0x01]))
      for peer in [relaying.peer, second.peer, third.peer, next.peer, last.peer, target, secondTarget] {
        await peer.close()
      }
    }
    try await origin.close()
  }

  /// A name with many addresses that do not answer takes no more than what the next sessions leave it.
  @Test func aTargetWithoutADescriptorIsNotConnectedTo() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let origin = try await Origin()
    let connector = TargetConnector(timeout: .seconds(10), keepalive: TCPKeepalive())
    let ledger = DescriptorLedger(DescriptorLedger.Limits(connections: 1, descriptors: 2))
    let loop = group.next()
    let grant = Grant(rule: RuleReference(index: 0, name: nil))
    func dial() async throws -> any Channel {
      try await loop.flatSubmit {
        connector.connect(
          to: [GrantedAddress(.v4(0x7f00_0001), grant)], port: origin.port,
          attempt: ConnectAttempt(eventLoop: loop, descriptors: SessionDescriptors(ledger, id: 1)))
      }.get().channel
    }
    let first = try await dial()
    let error = await #expect(throws: SessionEnd.self) { try await dial() }
    #expect(error?.cause == .limit(.descriptors), "\(String(describing: error))")
    try await first.close()
    try await dial().close()
    try await origin.close()
  }

  /// The system's own want, of one address or of the last of several, is this side's and not the target's.
  @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
  func theSystemsWantIsNotTheTargets(code: CInt) {
    let shortage = IOError(errnoCode: code, reason: "socket")
    let cause = SessionEnd(connecting: shortage).cause
    #expect(cause == .limit(.descriptors) || cause == .limit(.memory))
    let refused = IOError(errnoCode: ECONNREFUSED, reason: "connect")
    #expect(SessionEnd(connecting: refused, after: [shortage]).cause == cause)
    #expect(SessionEnd(connecting: shortage).replyCode == .generalFailure)
    #expect(SessionEnd(connecting: shortage).penalty == nil)
  }

  // MARK: Keepalive

  @Test func keepaliveIsAsConfigured() async throws {
    let origin = try await Origin()
    var configuration = Setting().configuration
    configuration.keepalive.idle = .seconds(7)
    configuration.keepalive.interval = .seconds(3)
    configuration.keepalive.probes = 2
    for (keepalive, expected) in [
      (TCPKeepalive(), [1, 60, 10, 5]), (TCPKeepalive(configuration.keepalive), [1, 7, 3, 2]),
    ] {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelInitializer { RelayChannelOptions.apply(to: $0, keepalive: keepalive) }
        .connect(host: "127.0.0.1", port: Int(origin.port)).get()
      var values = [Int(try await channel.getOption(.socketOption(.so_keepalive)).get())]
      for name in [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT] {
        let option = ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: name))
        values.append(Int(try await channel.getOption(option).get()))
      }
      #expect(values == expected)
      // Half dead for at most two minutes.
      #expect(TCPKeepalive().idle + TCPKeepalive().interval * TCPKeepalive().probes <= 120)
      try await channel.close()
    }
    try await origin.close()
  }

  /// Clients have it from the listener, targets of their own: the system's timers tell.
  @Test func bothSidesAreKeptAlive() async throws {
    let origin = try await Origin()
    var setting = Setting()
    setting.keepalive.idle = .seconds(7_000)
    try await GatewayUnderTest.with(setting) { gateway in
      let (client, target) = try await gateway.relay(to: origin)
      // Hundredths of a second; another timer runs until the last octets are acknowledged.
      await Sockets.waitForKeepalive(690_000...700_000, ownPort: gateway.address.port)
      await Sockets.waitForKeepalive(690_000...700_000, peersPort: origin.port)
      await client.peer.close()
      await target.close()
    }
    try await origin.close()
  }

  /// A client whose method is chosen, as soon as there is a place.
  private func eventually(_ client: () async throws -> SOCKSPeer) async throws {
    while true {
      guard let client = try? await client() else { continue }
      try? await client.peer.send(SOCKSPeer.offer)
      if await client.peer.read(2) == [0x05, 0x01] { return }
    }
  }
}
