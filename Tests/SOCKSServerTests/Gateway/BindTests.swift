import Glibc
import NIOCore
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// BIND: a listener for one peer, two replies, a relay.
@Suite(.timeLimit(.minutes(1))) struct BindTests {
  typealias Setting = GatewayUnderTest.Setting

  static let here = SOCKSAddress(.v4(0x7f00_0001), port: 21)
  static let anybody = SOCKSAddress(.v4(0), port: 0)

  static func setting(_ targets: [String] = ["127.0.0.0/8"]) throws -> Setting {
    var setting = Setting()
    setting.rules = [
      .allow(
        [.bind], identities: [.everybody], targets: try targets.map { try TargetPattern(parsing: $0) }, name: "peers")
    ]
    return setting
  }

  /// Whether nobody listens: asked from an address that is not the peer's, which a listener resets.
  private static func isRefused(_ listener: SOCKSAddress) async -> Bool {
    do {
      await (try Peer.connect(to: listener, from: "127.0.0.9")).close()
      return false
    } catch {
      return (error as? IOError)?.errnoCode == ECONNREFUSED
    }
  }

  /// The reset may be there before the connection is known to be. Whoever is let in waits in vain, for a while.
  private static func isTurnedAway(_ listener: SOCKSAddress, from source: String) async -> Bool {
    guard let other = try? await Peer.connect(to: listener, from: source) else { return true }
    let channel = other.channel
    let wait = channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
    let began = ContinuousClock.now
    _ = await other.end()
    wait.cancel()
    await other.close()
    return ContinuousClock.now - began < .seconds(10)
  }

  // MARK: The peer comes

  @Test(arguments: [1, 2, 3] as [UInt8])
  func thePeersConnectionIsRelayed(level: UInt8) async throws {
    try await GatewayUnderTest.with(try Self.setting()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate(level: level)
      let listener = try await client.bind(Self.here)
      #expect(listener.host == .address(.v4(0x7f00_0001)) && listener.port != 0)
      let peer = try await Peer.connect(to: listener)
      let address = try #require(peer.channel.localAddress.flatMap(SOCKSAddress.init))
      #expect(try await client.receiveReply().bound == address)
      // The listener had to go before the second reply came.
      #expect(await Self.isRefused(listener))
      try await peer.send([0x32, 0x32, 0x30])
      #expect(try await client.receive(3) == [0x32, 0x32, 0x30])
      try await client.send([0x55])
      #expect(await peer.read(1) == [0x55])
      try await client.peer.finish()
      #expect(await peer.end() == .ended)
      try await peer.finish()
      #expect(await client.peer.end() == .ended)
      let record = try await gateway.log.next()
      #expect(record["target"] == "127.0.0.1:21" && record["bound"] == "\(listener)")
      #expect(record["peer"] == "\(address)" && record["rule"] == "rule 1 (peers)")
      #expect(record["reason"] == "completed" && record["bytes_up"] == "1" && record["bytes_down"] == "3")
      #expect(record["rejected_peers"] == nil)
    }
  }

  /// What a peer sends before it is relayed is not lost, nor is its end.
  @Test func aPeerThatSaysAllAtOnceIsHeard() async throws {
    try await GatewayUnderTest.with(try Self.setting()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let peer = try await Peer.connect(to: try await client.bind(Self.here))
      try await peer.send([0x01, 0x02])
      await peer.close()
      _ = try await client.receiveReply()
      #expect(try await client.receive(2) == [0x01, 0x02])
      #expect(await client.peer.end() == .ended)
      await client.peer.close()
    }
  }

  @Test func earlyDataReachesThePeerOnce() async throws {
    try await GatewayUnderTest.with(try Self.setting()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(Self.here, earlyData: [0x01])
      try await client.send([0x02])
      let peer = try await Peer.connect(to: listener)
      _ = try await client.receiveReply()
      try await client.send([0x03])
      try await client.peer.finish()
      #expect(await peer.end() == .ended)
      #expect(peer.unread == [0x01, 0x02, 0x03])
      await peer.close()
      #expect(try await gateway.log.next()["bytes_up"] == "3")
    }
  }

  // MARK: Who may come

  @Test func othersAreTurnedAwayAndTheWaitGoesOn() async throws {
    try await GatewayUnderTest.with(try Self.setting()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(Self.here)
      for _ in 0..<50 {
        #expect(await Self.isTurnedAway(listener, from: "127.0.0.2"))
      }
      let peer = try await Peer.connect(to: listener)
      _ = try await client.receiveReply()
      try await peer.send([0x01])
      #expect(try await client.receive(1) == [0x01])
      await client.peer.reset()
      await peer.close()
      #expect(try await gateway.log.next()["rejected_peers"] == "50")
    }
  }

  /// They wait in the system's queue in front of the peer.
  @Test func manyOthersAtOnceKeepNobodyOut() async throws {
    try await GatewayUnderTest.with(try Self.setting()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(Self.here)
      let peer = try await withThrowingTaskGroup(of: Void.self) { tasks in
        for _ in 0..<200 {
          tasks.addTask {
            let other = try await Peer.connect(to: listener, from: "127.0.0.2")
            // With the queue full, the system may not know yet of a connection that is one here: the octet finds out.
            try? await other.send([0x00])
            _ = await other.end()
            await other.close()
          }
        }
        let peer = try await Peer.connect(to: listener)
        _ = try await client.receiveReply()
        tasks.cancelAll()
        while let result = await tasks.nextResult() { _ = result }
        return peer
      }
      try await client.send([0x01])
      #expect(await peer.read(1) == [0x01])
      await client.peer.reset()
      await peer.close()
    }
  }

  /// An address of all zeros asks for whoever comes: then the rules alone say who may.
  @Test func anyPeerIsOneThatTheRulesAllow() async throws {
    for zeros in [
      Self.anybody, SOCKSAddress(.v6(high: 0, low: 0), port: 0), try SOCKSAddress(name: "0.0.0.0", port: 0),
    ] {
      try await GatewayUnderTest.with(try Self.setting(["127.0.0.2"])) { gateway in
        var client = try await gateway.client()
        try await client.negotiate()
        let listener = try await client.bind(zeros)
        #expect(listener.host == .address(.v4(0x7f00_0001)))
        for source in ["127.0.0.1", "127.0.0.3"] {
          #expect(await Self.isTurnedAway(listener, from: source))
        }
        let peer = try await Peer.connect(to: listener, from: "127.0.0.2")
        let reply = try await client.receiveReply()
        #expect(reply.bound.host == .address(.v4(0x7f00_0002)))
        await peer.close()
        await client.peer.close()
        #expect(try await gateway.log.next()["rule"] == "rule 1 (peers)")
      }
    }
  }

  /// Special addresses have to be named, also as peers.
  @Test func aStarLetsNoPeerFromTheLoopbackIn() async throws {
    try await GatewayUnderTest.with(try Self.setting(["*", "0.0.0.0/0", "::/0"])) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(Self.anybody)
      #expect(await Self.isTurnedAway(listener, from: "127.0.0.1"))
      await client.peer.close()
      let record = try await gateway.log.next()
      #expect(record["rejected_peers"] == "1" && record["peer"] == nil)
    }
  }

  @Test(
    arguments: [
      (["127.0.0.0/8"], .connect, "127.0.0.1"), (["127.0.0.0/8"], .connect, "0.0.0.0"), (["*"], .bind, "127.0.0.1"),
      (["127.0.0.2"], .bind, "127.0.0.1"), (["peer.example"], .bind, "0.0.0.0"), (["peer.example"], .bind, "::"),
    ] as [([String], AccessCommand, String)])
  func theRulesSayNo(targets: [String], command: AccessCommand, asked: String) async throws {
    var setting = try Self.setting(targets)
    setting.rules[0].commands = [command]
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.sendRequest(SOCKSAddress(try #require(IPAddress(asked)), port: 21), command: .bind)
      #expect(try await client.receive()[1] == 0x02)
      #expect(await client.peer.end() == .ended)
      await client.peer.close()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "refused-by-rule" && record["bound"] == nil && record["phase"] == "serving")
    }
  }

  @Test func aNameIsResolvedOnceAndMeansItsAddresses() async throws {
    let asked = Mutex<[String]>([])
    var setting = try Self.setting(["127.0.0.2", "127.0.0.3"])
    setting.lookUp = { name, _ in
      asked.withLock { $0.append(name) }
      // The first is not allowed, the last not one of them.
      return .success([.v4(0x7f00_0001), .v4(0x7f00_0002)])
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(try SOCKSAddress(name: "Peer.Example", port: 20))
      for source in ["127.0.0.1", "127.0.0.3"] {
        #expect(await Self.isTurnedAway(listener, from: source))
      }
      let peer = try await Peer.connect(to: listener, from: "127.0.0.2")
      _ = try await client.receiveReply()
      await peer.close()
      await client.peer.close()
      let record = try await gateway.log.next()
      #expect(record["target"] == "Peer.Example:20" && record["rejected_peers"] == "2")
    }
    #expect(asked.withLock { $0 } == ["peer.example"])
  }

  // MARK: Where it listens

  @Test func anAddressOfTheConfigurationIsListenedOn() async throws {
    var setting = try Self.setting()
    setting.bind.listenAddress = .v4(0x7f00_0005)
    try await GatewayUnderTest.with(setting) { gateway in
      for asked in [Self.here, Self.anybody] {
        var client = try await gateway.client()
        try await client.negotiate()
        let listener = try await client.bind(asked)
        #expect(listener.host == .address(.v4(0x7f00_0005)))
        let peer = try await Peer.connect(to: listener)
        _ = try await client.receiveReply()
        await peer.close()
        await client.peer.close()
      }
    }
  }

  @Test func theAdvertisedAddressIsTold() async throws {
    var setting = try Self.setting()
    setting.bind.advertiseAddress = .v4(0xc000_0201)
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let told = try await client.bind(Self.here)
      #expect(told.host == .address(.v4(0xc000_0201)))
      let peer = try await Peer.connect(to: SOCKSAddress(.v4(0x7f00_0001), port: told.port))
      #expect(try await client.receiveReply().bound == peer.channel.localAddress.flatMap(SOCKSAddress.init))
      await peer.close()
      await client.peer.close()
      #expect(try await gateway.log.next()["bound"] == "127.0.0.1:\(told.port)")
    }
  }

  @Test func portsComeFromTheRangeAndGoBack() async throws {
    let port = try await Origin.closedPort()
    var setting = try Self.setting()
    setting.bind.ports = PortRange(port...port)
    try await GatewayUnderTest.with(setting) { gateway in
      for round in 0..<4 {
        var client = try await gateway.client()
        try await client.negotiate()
        #expect(try await client.bind(Self.here).port == port)
        var second = try await gateway.client()
        try await second.negotiate()
        try await second.sendRequest(Self.here, command: .bind)
        #expect(try await second.receive()[1] == 0x01)
        await second.peer.close()
        #expect(try await gateway.log.next()["reason"] == "no-ports")
        // The port is free when the peer has come, and when the client disconnected.
        if round % 2 == 0 {
          let peer = try await Peer.connect(to: SOCKSAddress(.v4(0x7f00_0001), port: port))
          _ = try await client.receiveReply()
          await peer.reset()
        }
        await client.peer.close()
        _ = try await gateway.log.next()
      }
      // Now somebody else has it.
      let taken = try await Origin(port: port)
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.sendRequest(Self.here, command: .bind)
      #expect(try await client.receive()[1] == 0x01)
      await client.peer.close()
      try await taken.close()
    }
  }

  @Test func everyPortOfTheRangeIsFound() {
    let ports = BindPorts(PortRange(40_000...40_009))
    #expect(Set((0..<10).compactMap { _ in ports.take(except: []) }) == Set(40_000...40_009))
    #expect(ports.take(except: []) == nil)
    ports.giveBack(40_004)
    #expect(ports.take(except: [40_004]) == nil)
    #expect(ports.take(except: []) == 40_004)
    // At most so many are tried.
    #expect(BindPorts(PortRange(1...65_535)).take(except: Set(1...UInt16(BindPorts.maximumAttempts))) == nil)
    #expect(BindPorts(nil).take(except: []) == 0)
  }

  // MARK: The gateway's own sockets

  @Test func nobodyIsLedToAListenerThroughTheGateway() async throws {
    var setting = try Self.setting()
    setting.rules[0].commands = [.connect, .bind]
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(Self.here)
      func ask() async throws -> (code: UInt8, record: RecordLog.Line) {
        var other = try await gateway.client()
        try await other.negotiate()
        let code = try await other.connect(listener)[1]
        await other.peer.close()
        return (code, try await gateway.log.next())
      }
      let (code, record) = try await ask()
      #expect(code == 0x02 && record["detail"]?.contains("own") == true)
      await client.peer.close()
      _ = try await gateway.log.next()
      #expect(try await ask().code == 0x05)
    }
  }

  // MARK: Ends

  enum End: CaseIterable {
    case clientCloses, clientEndsItsStream, clientResets, clientSendsTooMuch, timer, stop
  }

  /// The listener is gone within 100 ms of any end. A busy machine may be late, though not each time.
  @Test(arguments: End.allCases)
  func theListenerIsGone(end: End) async throws {
    var fastest: Duration = .seconds(60)
    for _ in 0..<5 where fastest > .milliseconds(100) {
      fastest = min(fastest, try await Self.timeToGo(end))
    }
    #expect(fastest <= .milliseconds(100))
  }

  private static func timeToGo(_ end: End) async throws -> Duration {
    var setting = try Self.setting()
    setting.bind.timeout = end == .timer ? .milliseconds(50) : .seconds(600)
    setting.timeouts.drain = .seconds(600)
    return try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(Self.here)
      if end != .timer { #expect(await !Self.isRefused(listener)) }
      let clock = ContinuousClock()
      var began = clock.now
      switch end {
      case .clientCloses: await client.peer.close()
      case .clientEndsItsStream: try await client.peer.finish()
      case .clientResets: await client.peer.reset()
      case .clientSendsTooMuch:
        for _ in 0...4 { try await client.send([UInt8](repeating: 0x2e, count: 16_384)) }
      case .timer:
        // Second reply: no answer from the host (X'04'), as for a CONNECT that takes too long.
        #expect(try await client.receive()[1] == 0x04)
        began = clock.now
      case .stop: await gateway.beginStopping()
      }
      while await !Self.isRefused(listener) { await Task.yield() }
      let elapsed = clock.now - began
      let record = try await gateway.log.next()
      #expect(record["phase"] == "listening" || end == .stop)
      #expect(record["bound"] == "\(listener)" && record["peer"] == nil)
      switch end {
      case .clientCloses, .clientEndsItsStream, .clientResets: #expect(record["reason"] == "connection-closed")
      case .stop: #expect(record["reason"] == "stopping")
      case .clientSendsTooMuch: #expect(record["reason"] == "unexpected-message")
      case .timer: #expect(record["reason"] == "bind-timeout")
      }
      await client.peer.close()
      return elapsed
    }
  }

  @Test func aClientThatGoesDuringTheLookupLeavesNothing() async throws {
    let gate = Gate()
    var setting = try Self.setting()
    setting.lookUp = { _, _ in
      gate.wait()
      return .success([.v4(0x7f00_0001)])
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.sendRequest(try SOCKSAddress(name: "slow.example", port: 9), command: .bind)
      await gate.entered()
      await client.peer.reset()
      let record = try await gateway.log.next()
      gate.open()
      #expect(record["bound"] == nil && record["reason"] == "connection-closed")
    }
  }
}
