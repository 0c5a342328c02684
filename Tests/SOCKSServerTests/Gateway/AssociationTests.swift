import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// UDP associations, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct AssociationTests {
  typealias Setting = GatewayUnderTest.Setting

  /// Lends a gateway, a target and a client with an association.
  static func associated(
    _ setting: Setting = .associating(), level: UInt8 = 2,
    _ body: (GatewayUnderTest, inout AssociatedPeer, DatagramPeer) async throws -> Void
  ) async throws {
    let target = try await DatagramPeer()
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await AssociatedPeer(gateway, level: level)
      try await body(gateway, &client, target)
      await client.close()
    }
    await target.close()
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func datagramsCrossBothWaysAndTheRecordHasEveryField(level: UInt8) async throws {
    try await Self.associated(level: level) { gateway, client, target in
      #expect(client.relay.host == .address(.v4(0x7f00_0001)) && client.relay.port != 0)
      for data in [[], [7], pattern(1_400), pattern(65_000)] as [[UInt8]] {
        try await client.send(data, to: target.address)
        let received = try await target.receive()
        #expect(received.octets == data)
        try await target.send(data.reversed(), to: received.source)
        let answer = try await client.receive()
        #expect(answer.source == target.address && answer.data == data.reversed())
        #expect(answer.token.isSealed == (level != 1))
      }
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "completed" && record["rule"] == "rule 1 (loopback)")
      #expect(record["datagrams_up"] == "4" && record["datagrams_down"] == "4" && record["dropped"] == "0")
      #expect(record["bytes_up"] == "66401" && record["bytes_down"] == "66401")
    }
  }

  /// Messages and datagrams are numbered in one sequence, each way.
  @Test func theReplyAndTheDatagramsAreOneSequence() async throws {
    try await Self.associated { _, client, target in
      try await client.send([1], to: target.address)
      let source = try await target.receive().source
      for number in 0..<3 {
        try await target.send([UInt8(number)], to: source)
        // The level answer was 7, the reply 8.
        #expect(try await client.receive().token.number == UInt64(9 + number))
      }
    }
  }

  @Test func targetsByNameAndOverIPv6() async throws {
    let target = try await DatagramPeer("::1")
    let setting = Setting.associating {
      $0.lookUp = { name, _ in
        name == "target.test" ? .success([.v6(high: 0, low: 1)]) : .failure(SessionEnd(.connectFailed(.noSuchName)))
      }
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await AssociatedPeer(gateway)
      for host in [
        SOCKSHost.address(.v6(high: 0, low: 1)), try SOCKSHost("target.test"), try SOCKSHost("TARGET.test."),
      ] {
        try await client.send([1, 2], to: SOCKSAddress(host: host, port: target.address.port))
        let received = try await target.receive()
        try await target.send([3], to: received.source)
        let answer = try await client.receive()
        #expect(received.octets == [1, 2] && answer.data == [3] && answer.source == target.address)
      }
      try await client.send([1], to: SOCKSAddress(name: "nowhere.test", port: 5))
      try await client.send([9], to: target.address)
      #expect(try await target.receive().octets == [9])
      await client.close()
      #expect(try await gateway.log.next()["dropped_unresolved"] == "1")
    }
    await target.close()
  }

  @Test func clientsOverIPv6() async throws {
    let target = try await DatagramPeer()
    let setting = Setting.associating { $0.listeners = [ListenAddress(address: .v6(high: 0, low: 1), port: 0)] }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await AssociatedPeer(gateway, from: "::1")
      #expect(client.relay.host == .address(.v6(high: 0, low: 1)))
      try await client.send([1], to: target.address)
      try await target.send([2], to: try await target.receive().source)
      #expect(try await client.receive().data == [2])
      await client.close()
    }
    await target.close()
  }

  /// With listeners on both wildcards of one port, in either order, a client is the IPv4 client that it is.
  @Test(arguments: [true, false])
  func clientsOfListenersForBothFamilies(v6First: Bool) async throws {
    let target = try await DatagramPeer()
    let port = try await Origin.closedPort()
    let both = [IPAddress.v6(high: 0, low: 0), .v4(0)].map { ListenAddress(address: $0, port: port) }
    let setting = Setting.associating { $0.listeners = v6First ? both : both.reversed() }
    try await GatewayUnderTest.with(setting) { gateway in
      let address = SOCKSAddress(.v4(0x7f00_0001), port: port)
      var control = try await SOCKSPeer(address)
      try await control.negotiate()
      var reply = ByteBuffer(bytes: try await control.associate())
      let bound = try #require(try SOCKSReply.decode(from: &reply)).bound
      #expect(bound.host == .address(.v4(0x7f00_0001)))
      let socket = try await DatagramPeer()
      try await socket.send(
        control.script.encapsulated(AssociatedPeer.plaintext([5], to: target.address)), to: bound)
      #expect(try await target.receive().octets == [5])
      await control.peer.close()
      #expect(try await gateway.log.next()["client"]?.hasPrefix("127.0.0.1:") == true)
      var other = try await SOCKSPeer(SOCKSAddress(.v6(high: 0, low: 1), port: port))
      try await other.negotiate()
      await other.peer.close()
      #expect(try await gateway.log.next()["client"]?.hasPrefix("[::1]:") == true)
      await socket.close()
    }
    await target.close()
  }

  /// IPv6 only: a listener on `[::]` alone has no IPv4 clients.
  @Test func theIPv6WildcardTakesNoIPv4() async throws {
    let setting = Setting.associating { $0.listeners = [ListenAddress(address: .v6(high: 0, low: 0), port: 0)] }
    try await GatewayUnderTest.with(setting) { gateway in
      let address = SOCKSAddress(.v4(0x7f00_0001), port: gateway.address.port)
      // Another program may have the port, which is free for IPv4.
      let stranger = try? await SOCKSPeer(address)
      await stranger?.peer.close()
      var client = try await SOCKSPeer(SOCKSAddress(.v6(high: 0, low: 1), port: gateway.address.port))
      try await client.negotiate()
      await client.peer.close()
      #expect(try await gateway.log.next()["client"]?.hasPrefix("[::1]:") == true)
    }
  }

  // MARK: Who may send

  @Test func onlyTheFirstGoodSourceIsHeard() async throws {
    try await Self.associated { gateway, client, target in
      let other = try await DatagramPeer()
      let foreign = try await DatagramPeer("127.0.0.2")
      // A bad datagram from another port takes nothing.
      try await other.send([0, 0, 0, 1], to: client.relay)
      try await foreign.send(client.datagram([6], to: target.address), to: client.relay)
      try await client.send([1], to: target.address)
      #expect(try await target.receive().octets == [1])
      for socket in [other, foreign] {
        try await socket.send(client.datagram([7], to: target.address), to: client.relay)
      }
      try await client.send([2], to: target.address)
      #expect(try await target.receive().octets == [2])
      #expect(other.count + foreign.count == 0)
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_foreign_source"] == "3" && record["dropped_unprotected"] == "1")
      await other.close()
      await foreign.close()
    }
  }

  @Test func thePortAskedForIsTheOnlyOne() async throws {
    let target = try await DatagramPeer()
    try await GatewayUnderTest.with(.associating()) { gateway in
      var client = try await AssociatedPeer(gateway, requested: nil)
      let other = try await DatagramPeer()
      try await other.send(client.datagram([7], to: target.address), to: client.relay)
      try await client.send([1], to: target.address)
      #expect(try await target.receive().octets == [1])
      await client.close()
      #expect(try await gateway.log.next()["dropped_foreign_source"] == "1")
      // The address behind a NAT means nothing, and its port neither.
      var second = try await AssociatedPeer(gateway, requested: SOCKSAddress(.v4(0x0a00_0001), port: 9))
      try await second.send([2], to: target.address)
      #expect(try await target.receive().octets == [2])
      await second.close()
      await other.close()
    }
    await target.close()
  }

  @Test func onlyWhoWasAskedAnswers() async throws {
    try await Self.associated { gateway, client, target in
      let other = try await DatagramPeer()
      try await client.send([1], to: target.address)
      let source = try await target.receive().source
      let injected = 1_000
      for number in 0..<injected {
        try await other.send([UInt8(number & 0xff)], to: source)
        // One that is relayed now and then, so that the flood is not the system's to drop.
        guard number % 50 == 49 else { continue }
        try await target.send([2], to: source)
        #expect(try await client.receive().data == [2])
      }
      #expect(client.socket.count == injected / 50)
      await client.close()
      #expect(try await gateway.log.next()["dropped_unasked_source"] == "\(injected)")
      await other.close()
    }
  }

  @Test func everybodyAnswersWhereThatIsAllowed() async throws {
    try await Self.associated(.associating { $0.udp.replies = .any }) { _, client, target in
      let other = try await DatagramPeer()
      try await client.send([1], to: target.address)
      try await other.send([2], to: try await target.receive().source)
      let answer = try await client.receive()
      #expect(answer.data == [2] && answer.source == other.address)
      await other.close()
    }
  }

  // MARK: The rules

  @Test func everyDatagramIsAskedFor() async throws {
    let targets = [try await DatagramPeer(), try await DatagramPeer(), try await DatagramPeer()]
    let allowed = [targets[0], targets[2]].map { PortRange($0.address.port...$0.address.port) }
    let setting = Setting.associating {
      $0.rules = [
        .allow([.associate], identities: [.everybody], targets: [.network(.loopback)], ports: allowed)
      ]
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await AssociatedPeer(gateway)
      for round in 0..<10 {
        for target in targets { try await client.send([UInt8(round)], to: target.address) }
        for target in [targets[0], targets[2]] { #expect(try await target.receive().octets == [UInt8(round)]) }
      }
      #expect(targets[1].count == 0)
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["datagrams_up"] == "20" && record["dropped_refused_by_rule"] == "10")
    }
    for target in targets { await target.close() }
  }

  @Test func withoutARuleThereIsNoAssociation() async throws {
    var setting = Setting()
    #expect(!setting.rules.contains { $0.commands.contains(.associate) })
    for rules in [setting.rules, [.deny([.associate])] + Setting.associating().rules] {
      setting.rules = rules
      try await GatewayUnderTest.with(setting) { gateway in
        var client = try await gateway.client()
        try await client.negotiate()
        #expect(try await client.associate().starts(with: [0x05, 0x02]))
        #expect(try await gateway.log.next()["reason"] == "refused-by-rule")
      }
    }
  }

  @Test func theGatewayItselfIsNoTarget() async throws {
    let target = try await DatagramPeer()
    let network = AccessRule.allow([.associate], identities: [.everybody], targets: [.network(.loopback)])
    try await GatewayUnderTest.with(.associating { $0.rules = [network] }) { gateway in
      var client = try await AssociatedPeer(gateway)
      var other = try await AssociatedPeer(gateway)
      try await other.send([0], to: target.address)
      // From the socket that it sends to targets from.
      let source = try await target.receive().source
      let own = [
        gateway.address, other.relay, client.relay, source,
        SOCKSAddress(.v6(high: 0, low: 0xffff_7f00_0001), port: other.relay.port),
      ]
      for address in own { try await client.send([1], to: address) }
      try await client.send([2], to: target.address)
      #expect(try await target.receive().octets == [2])
      await client.close()
      #expect(try await gateway.log.next()["dropped_refused_by_rule"] == "5")
      await other.close()
    }
    await target.close()
  }

  @Test func specialAddressesAndBroadcastsEndNothing() async throws {
    try await Self.associated { gateway, client, target in
      // Not named by a rule, a port that nothing can be sent to, a broadcast address of the loopback.
      for (address, port) in [(0, 53), (0xffff_ffff, 53), (0xe000_0001, 53), (0x7f00_0001, 0), (0x7fff_ffff, 53)] {
        try await client.send([1], to: SOCKSAddress(.v4(UInt32(address)), port: UInt16(port)))
      }
      try await client.send([2], to: target.address)
      #expect(try await target.receive().octets == [2])
      await client.close()
      let record = try await gateway.log.next()
      #expect(record["dropped_refused_by_rule"] == "3" && record["dropped_not_sent"] == "2")
    }
  }

  /// Nobody listens there: the system learns of it, and nothing follows.
  @Test func anUnreachableTargetEndsNothing() async throws {
    try await Self.associated { gateway, client, target in
      let gone = try await DatagramPeer()
      let address = gone.address
      await gone.close()
      for _ in 0..<5 {
        try await client.send([1], to: address)
        try await client.send([2], to: target.address)
        try await target.send([3], to: try await target.receive().source)
        #expect(try await client.receive().data == [3])
      }
      await client.close()
      #expect(try await gateway.log.next()["dropped"] == "0")
    }
  }
}

/// Octets that differ from place to place.
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(($0 + $0 / 251) & 0xff) } }
