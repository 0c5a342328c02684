import NIOCore
import Platform
import SOCKSCore
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// How associations begin and end, and their bounds.
@Suite(.timeLimit(.minutes(1))) struct AssociationLifetimeTests {
  typealias Setting = GatewayUnderTest.Setting

  /// A datagram socket of this machine has the port.
  static func isBound(_ port: UInt16) -> Bool {
    ["/proc/net/udp", "/proc/net/udp6"].contains { path in
      guard let table = try? FileContents.read(path: path, limit: 1 << 26) else { return false }
      return table.split(separator: UInt8(ascii: "\n")).dropFirst().contains { line in
        let fields = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        return fields.count > 1 && fields[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) } == port
      }
    }
  }

  enum Ending: CaseIterable {
    case finish, close, reset, token, emptyToken, half, clear, shutdown
  }

  @Test(arguments: Ending.allCases)
  func itEndsWithItsConnection(ending: Ending) async throws {
    try await AssociationTests.associated { gateway, client, target in
      try await client.send([1], to: target.address)
      let source = try await target.receive().source
      #expect(Self.isBound(client.relay.port) && Self.isBound(source.port))
      switch ending {
      case .finish: try await client.control.peer.finish()
      case .close: await client.control.peer.close()
      case .reset: await client.control.peer.reset()
      case .token: try await client.control.send([1])
      case .emptyToken: try await client.control.send([])
      case .half: try await client.control.peer.send([0x01])
      case .clear: try await client.control.peer.send([0x05, 0x01, 0x00])
      case .shutdown: await gateway.beginStopping()
      }
      let record = try await gateway.log.next()
      // Not later than the connection: when its record is there, the sockets are gone.
      #expect(!Self.isBound(client.relay.port) && !Self.isBound(source.port))
      switch ending {
      case .finish, .close, .reset: #expect(record["reason"] == "completed")
      case .token, .emptyToken, .half, .clear: #expect(record["reason"] == "unexpected-message")
      case .shutdown: #expect(record["reason"] == "stopping")
      }
      #expect(record["datagrams_up"] == "1")
      _ = await client.control.peer.end()
    }
  }

  @Test func earlyDataIsNoAssociation() async throws {
    try await GatewayUnderTest.with(.associating()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      var request = ByteBuffer()
      SOCKSRequest(command: .udpAssociate, destination: .unspecified).encode(into: &request)
      let octets =
        client.script.encapsulated(Array(request.readableBytesView)) + client.script.encapsulated([1])
      try await client.peer.send(octets)
      #expect(try await client.receive().starts(with: [0x05, 0x00]))
      _ = await client.peer.end()
      #expect(try await gateway.log.next()["reason"] == "unexpected-message")
    }
  }

  @Test func itEndsWhenNothingIsRelayed() async throws {
    let setting = Setting.associating { $0.udp.idle = .milliseconds(200) }
    // Its time runs from its beginning, which may lie well before what is sent first.
    let began = ContinuousClock.now
    try await AssociationTests.associated(setting) { gateway, client, target in
      try await client.send([1], to: target.address)
      // What is dropped is not relayed.
      try await client.sendRaw([0])
      _ = await client.control.peer.end()
      #expect(ContinuousClock.now - began >= .milliseconds(200))
      #expect(try await gateway.log.next()["reason"] == "idle-timeout")
      #expect(!Self.isBound(client.relay.port))
    }
  }

  @Test func theAddressToldMayBeAnother() async throws {
    let setting = Setting.associating { $0.udp.advertiseAddress = .v4(0xcb00_7107) }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      var reply = ByteBuffer(bytes: try await client.associate())
      let bound = try #require(try SOCKSReply.decode(from: &reply)).bound
      #expect(bound.host == .address(.v4(0xcb00_7107)) && Self.isBound(bound.port))
      await client.peer.close()
    }
    // The other family's client is told what it has reached.
    let other = Setting.associating {
      $0.udp.advertiseAddress = .v4(0xcb00_7107)
      $0.listeners = [ListenAddress(address: .v6(high: 0, low: 1), port: 0)]
    }
    try await GatewayUnderTest.with(other) { gateway in
      let client = try await AssociatedPeer(gateway, from: "::1")
      #expect(client.relay.host == .address(.v6(high: 0, low: 1)))
      await client.close()
    }
  }

  @Test func portsComeFromTheRange() async throws {
    // Three neighbours that are free, one of them given to somebody else.
    var taken = try await DatagramPeer()
    var first = taken.address.port
    while first > 65_000 || Self.isBound(first + 1) || Self.isBound(first + 2) {
      taken = try await DatagramPeer()
      first = taken.address.port
    }
    let setting = Setting.associating { $0.udp.ports = PortRange(first...first + 2) }
    try await GatewayUnderTest.with(setting) { gateway in
      let clients = [try await AssociatedPeer(gateway), try await AssociatedPeer(gateway)]
      #expect(Set(clients.map(\.relay.port)) == [first + 1, first + 2])
      var third = try await gateway.client()
      try await third.negotiate()
      #expect(try await third.associate().starts(with: [0x05, 0x01]))
      await third.peer.close()
      _ = try await gateway.log.next()
      await clients[0].close()
      _ = try await gateway.log.next()
      let again = try await AssociatedPeer(gateway)
      #expect(again.relay.port == clients[0].relay.port)
      await again.close()
      await clients[1].close()
    }
    await taken.close()
  }

  // MARK: Names

  @Test func aNameIsResolvedOnce() async throws {
    let lookups = Mutex(0)
    let setting = Setting.associating {
      $0.lookUp = { _, _ in
        lookups.withLock { $0 += 1 }
        return .success([.v4(0x0102_0304), .v4(0x7f00_0001)])
      }
    }
    try await AssociationTests.associated(setting) { _, client, target in
      for number in 0..<100 {
        try await client.send([UInt8(number)], to: try SOCKSAddress(name: "target.test", port: target.address.port))
        // The first address is not allowed: what was checked is what is sent to.
        #expect(try await target.receive().octets == [UInt8(number)])
      }
    }
    #expect(lookups.withLock { $0 } == 1)
  }

  @Test func aNameIsResolvedAgainWhenItIsOld() async throws {
    let lookups = Mutex(0)
    let setting = Setting.associating {
      $0.udp.nameLifetime = .milliseconds(1)
      $0.lookUp = { _, _ in
        lookups.withLock { $0 += 1 }
        return .success([.v4(0x7f00_0001)])
      }
    }
    try await AssociationTests.associated(setting) { _, client, target in
      while lookups.withLock({ $0 }) < 3 {
        try await client.send([1], to: try SOCKSAddress(name: "target.test", port: target.address.port))
        #expect(try await target.receive().octets == [1])
      }
    }
  }

  @Test func aBoundedNumberWaitsForNames() async throws {
    let gate = Gate()
    let setting = Setting.associating {
      $0.udp.waiting = 10
      // Longer than a busy machine takes for the datagrams below.
      $0.timeouts.resolve = .seconds(60)
      $0.lookUp = { _, _ in
        gate.wait()
        return .success([.v4(0x7f00_0001)])
      }
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      let name = try SOCKSAddress(name: "target.test", port: target.address.port)
      for number in 0..<15 { try await client.send([UInt8(number)], to: name) }
      await gate.entered()
      // All of them are there when this one has come.
      try await client.send([99], to: target.address)
      #expect(try await target.receive().octets == [99])
      gate.open()
      for number in 0..<10 { #expect(try await target.receive().octets == [UInt8(number)]) }
      await client.close()
      #expect(try await gateway.log.next()["dropped_queue_full"] == "5")
    }
  }

  @Test func aNameThatNoRuleAllowsIsNotResolved() async throws {
    let lookups = Mutex(0)
    let setting = Setting.associating {
      try? $0.rules.insert(.deny([.associate], targets: [TargetPattern(parsing: "*.denied.test")]), at: 0)
      $0.lookUp = { _, _ in
        lookups.withLock { $0 += 1 }
        return .success([.v4(0x0102_0304)])
      }
    }
    try await AssociationTests.associated(setting) { gateway, client, target in
      try await client.send([1], to: try SOCKSAddress(name: "a.denied.test", port: 5))
      try await client.send([1], to: try SOCKSAddress(name: "public.test", port: 5))
      try await client.send([2], to: target.address)
      #expect(try await target.receive().octets == [2])
      while lookups.withLock({ $0 }) == 0 { await Task.yield() }
      await client.close()
      _ = try await gateway.log.next()
    }
    #expect(lookups.withLock { $0 } == 1)
  }
}
