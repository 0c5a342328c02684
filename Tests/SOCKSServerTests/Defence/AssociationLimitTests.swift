import NIOCore
import ProxySession
import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSServer

/// The limits at work in associations.
@Suite(.timeLimit(.minutes(1))) struct AssociationLimitTests {
  typealias Setting = GatewayUnderTest.Setting

  private static func rule(to target: DatagramPeer) -> AccessRule {
    .allow(
      [.associate], identities: [.everybody], targets: [.network(.loopback)],
      ports: [PortRange(target.address.port...target.address.port)])
  }

  // MARK: Bandwidth

  /// Whatever comes before its time is dropped: after a large datagram, the next one passes when the large one has had its
  /// time.
  @Test(arguments: [true, false], [true, false])
  func datagramsTakeTheirTime(byRule: Bool, up: Bool) async throws {
    let bandwidth = Bandwidth(octetsPerSecond: 1 << 17)
    let setting = Setting.associating {
      if byRule { $0.rules[0].bandwidth = bandwidth } else { $0.limits.bandwidthPerPrincipal = bandwidth }
    }
    let large = pattern(60_000)
    try await AssociationTests.associated(setting) { gateway, client, target in
      try await client.send([1], to: target.address)
      let source = try await target.receive().source
      let start = ContinuousClock.now
      if up {
        try await client.send(large, to: target.address)
        while target.count < 3 { try await client.send([2], to: target.address) }
        #expect(try await target.receive().octets == large)
      } else {
        try await target.send(large, to: source)
        while client.socket.count < 2 { try await target.send([2], to: source) }
        #expect(try await client.receive().data == large)
      }
      // 60,000 octets at 128 KiB/s are 457 ms, of which a datagram may be 50 ms early.
      #expect(ContinuousClock.now - start > .milliseconds(400))
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped"] == record["dropped_over_bandwidth"] ?? "0")
    }
  }

  @Test func eachRuleHasItsOwn() async throws {
    let narrow = try await DatagramPeer()
    let setting = Setting.associating {
      var rule = Self.rule(to: narrow)
      rule.bandwidth = Bandwidth(octetsPerSecond: 1 << 10)
      $0.rules.insert(rule, at: 0)
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      // The first datagram is another rule's.
      try await client.send([0], to: target.address)
      #expect(try await target.receive().octets == [0])
      // A minute's worth.
      try await client.send(pattern(60_000), to: narrow.address)
      let source = try await narrow.receive().source
      for number in 1..<10 {
        try await client.send([UInt8(number)], to: narrow.address)
        try await client.send([UInt8(number)], to: target.address)
        #expect(try await target.receive().octets == [UInt8(number)])
      }
      #expect(narrow.count == 1)
      // The other way has its own, which is as narrow.
      try await narrow.send(pattern(60_000), to: source)
      #expect(try await client.receive().data.count == 60_000)
      for _ in 1..<10 {
        try await narrow.send([1], to: source)
        try await target.send([2], to: source)
        #expect(try await client.receive().data == [2])
      }
      await client.close()
      #expect(try await gateway.log.next()["dropped_over_bandwidth"] == "18")
    }
    await narrow.close()
  }

  /// Where everybody may answer, what was not asked for is held to the principal's bandwidth.
  @Test func whatWasNotAskedForCountsToo() async throws {
    let setting = Setting.associating {
      $0.udp.replies = .any
      $0.limits.bandwidthPerPrincipal = Bandwidth(octetsPerSecond: 1 << 17)
    }
    try await AssociationTests.associated(setting) { _, client, target in
      try await client.send([1], to: target.address)
      let source = try await target.receive().source
      let other = try await DatagramPeer()
      let start = ContinuousClock.now
      try await other.send(pattern(60_000), to: source)
      while client.socket.count < 2 { try await other.send([2], to: source) }
      #expect(ContinuousClock.now - start > .milliseconds(400))
      await other.close()
    }
  }

  // MARK: Length

  @Test(arguments: [true, false]) func anAssociationHasItsTime(byRule: Bool) async throws {
    let setting = Setting.associating {
      if byRule { $0.rules[0].session = .milliseconds(100) } else { $0.timeouts.session = .milliseconds(100) }
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      if byRule { try await client.send([1], to: target.address) }
      _ = await client.control.peer.end()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "session-timeout" && record["detail"]?.contains("lasted") == true)
    }
  }

  @Test(arguments: [true, false]) func theShortestTimeOfTheRulesInUseHolds(isFirst: Bool) async throws {
    let short = try await DatagramPeer()
    let setting = Setting.associating {
      $0.rules[0].session = .seconds(3_600)
      var rule = Self.rule(to: short)
      rule.session = .milliseconds(300)
      $0.rules.insert(rule, at: 0)
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      for peer in isFirst ? [short, target] : [target, short] { try await client.send([1], to: peer.address) }
      _ = await client.control.peer.end()
      #expect(try await gateway.log.next()["reason"] == "session-timeout")
    }
    await short.close()
  }

  // MARK: Lookups

  @Test func oneUsersSlowNamesDoNotTakeAllThreads() async throws {
    let gate = Gate()
    let begun = Mutex<[String]>([])
    let setting = Setting.associating {
      $0.limits.lookupThreadsPerPrincipal = 1
      // Longer than a busy machine takes for the datagrams below.
      $0.timeouts.resolve = .seconds(60)
      $0.lookUp = { name, _ in
        begun.withLock { $0.append(name) }
        if name == "slow.test" { gate.wait() }
        return .success([.v4(0x7f00_0001)])
      }
    }
    try await AssociationTests.associated(setting) { _, client, target in
      try await client.send([1], to: try SOCKSAddress(name: "slow.test", port: target.address.port))
      await gate.entered()
      try await client.send([2], to: try SOCKSAddress(name: "fast.test", port: target.address.port))
      for _ in 0..<50 {
        try await client.send([3], to: target.address)
        #expect(try await target.receive().octets == [3])
      }
      #expect(begun.withLock { $0 } == ["slow.test"])
      gate.open()
      #expect(Set([try await target.receive().octets, try await target.receive().octets]) == [[1], [2]])
    }
  }

  // MARK: Descriptors

  private static func setting(descriptors: Int) -> Setting {
    .associating {
      $0.rules[0].commands = [.connect, .bind, .associate]
      let plan = DescriptorPlan($0.configuration, available: nil, eventLoops: System.coreCount)
      $0.descriptors = plan.reserve + descriptors
    }
  }

  /// One for the connection, one for the socket towards the client, one for IPv4; the one that is left is for others.
  @Test func eachSocketIsADescriptor() async throws {
    let v6 = try await DatagramPeer("::1")
    try await AssociationTests.associated(Self.setting(descriptors: 4)) { gateway, client, target in
      try await client.send([1], to: target.address)
      #expect(try await target.receive().octets == [1])
      try await client.send([2], to: v6.address)
      try await client.send([3], to: target.address)
      #expect(try await target.receive().octets == [3])
      #expect(v6.count == 0)
      await client.close()
      #expect(try await gateway.log.next()["dropped_not_sent"] == "1")
    }
    await v6.close()
  }

  @Test func anAssociationsSocketsCountForEveryCommand() async throws {
    let origin = try await Origin()
    try await AssociationTests.associated(Self.setting(descriptors: 4)) { gateway, client, target in
      try await client.send([1], to: target.address)
      #expect(try await target.receive().octets == [1])
      for command in [SOCKSCommand.connect, .bind, .udpAssociate] {
        var second = try await gateway.client()
        try await second.negotiate()
        try await second.sendRequest(origin.address, command: command)
        #expect(try await second.receive().prefix(2) == [0x05, 0x01], "\(command)")
        let record = try await gateway.log.next()
        #expect(record["detail"]?.contains("descriptor") == true, "\(command)")
      }
      await client.close()
      _ = try await gateway.log.next()
      var second = try await gateway.client()
      try await second.negotiate()
      #expect(try await second.connect(origin.address).prefix(2) == [0x05, 0x00])
    }
    try await origin.close()
  }

  /// The peer takes the listener's place.
  @Test func aBindNeedsOneDescriptor() async throws {
    try await GatewayUnderTest.with(Self.setting(descriptors: 2)) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listening = try await client.bind(SOCKSAddress(.v4(0x7f00_0001), port: 0))
      let peer = try await Peer.connect(to: listening)
      _ = try await client.receiveReply()
      try await client.send([0x01])
      #expect(await peer.read(1) == [0x01])
      await peer.close()
    }
  }

  /// With the peer of a BIND there is one left for the association's socket towards its client, and none for targets: the
  /// fifth is for other principals.
  @Test func aBindsPeerIsADescriptor() async throws {
    let (lookups, continuation) = AsyncStream.makeStream(of: Void.self)
    var setting = Self.setting(descriptors: 5)
    setting.lookUp = { _, _ in
      continuation.yield()
      return .failure(SessionEnd(.connectFailed(.noSuchName)))
    }
    let target = try await DatagramPeer()
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let peer = try await Peer.connect(to: try await client.bind(SOCKSAddress(.v4(0x7f00_0001), port: 0)))
      _ = try await client.receiveReply()
      var other = try await AssociatedPeer(gateway)
      try await other.send([1], to: target.address)
      // When this one's name is looked up, the first has been looked at.
      try await other.send([2], to: try SOCKSAddress(name: "target.test", port: 7))
      for await _ in lookups { break }
      await other.close()
      #expect(try await gateway.log.next()["dropped_not_sent"] == "1")
      #expect(target.count == 0)
      await client.peer.close()
      await peer.close()
    }
    await target.close()
  }
}
