import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO
import Testing

@testable import SOCKSServer

@Suite struct AssociationClientTests {
  private static func address(_ text: String, _ port: UInt16) throws -> SocketAddress {
    try SocketAddress(#require(IPAddress(text)), port: port)
  }

  @Test(arguments: [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")])
  func theAddressIsTheConnectionsAndThePortTheFirst(own: String, other: String) throws {
    let peer = try Self.address(own, 40_000)
    for requested in [SOCKSAddress.unspecified, SOCKSAddress(.v4(0x0a00_0001), port: 7)] {
      var client = AssociationClient(peer: peer, requested: requested)
      #expect(client.address == nil)
      #expect(try client.admits(Self.address(own, 7)))
      #expect(try client.admits(Self.address(own, 8)))
      #expect(try !client.admits(Self.address(other, 7)))
      #expect(try !client.admits(Self.address(own, 0)))
      client.lock(to: try Self.address(own, 8))
      client.lock(to: try Self.address(own, 7))
      #expect(try client.address == Self.address(own, 8))
      #expect(try client.admits(Self.address(own, 8)))
      #expect(try !client.admits(Self.address(own, 7)))
      #expect(try !client.admits(Self.address(other, 8)))
    }
  }

  @Test func thePortAskedForCountsWithTheSameAddressOnly() throws {
    let peer = try Self.address("192.0.2.1", 40_000)
    let own = try #require(IPAddress("192.0.2.1"))
    let mapped = try #require(IPAddress("::ffff:192.0.2.1"))
    for requested in [
      SOCKSAddress(own, port: 7), SOCKSAddress(mapped, port: 7), try SOCKSAddress(name: "192.0.2.1", port: 7),
    ] {
      let client = AssociationClient(peer: peer, requested: requested)
      #expect(try client.address == Self.address("192.0.2.1", 7))
      #expect(try client.admits(Self.address("192.0.2.1", 7)))
      #expect(try !client.admits(Self.address("192.0.2.1", 8)))
    }
    for requested in [SOCKSAddress(own, port: 0), SOCKSAddress(.v4(0xc000_0202), port: 7)] {
      #expect(AssociationClient(peer: peer, requested: requested).address == nil)
    }
  }
}

@Suite struct AssociationTargetsTests {
  private static func field(_ number: Int) -> ByteBuffer { ByteBuffer(integer: number) }
  private static func peer(_ number: Int) throws -> AssociationPeer {
    try AssociationPeer(.v4(0xc000_0200 + UInt32(number)), port: 53)
  }

  @Test func whatWasUsedLongestAgoMakesRoom() throws {
    var targets = AssociationTargets(limit: 3)
    for number in 0..<3 {
      let added = targets.add(AssociationTarget(.refused(.refusedByRule, until: .distantFuture)), Self.field(number))
      #expect(added)
    }
    #expect(targets.target(Self.field(0)) != nil)
    let added = targets.add(AssociationTarget(.refused(.notSent, until: .distantFuture)), Self.field(3))
    #expect(added)
    #expect(targets.count == 3 && targets.target(Self.field(1)) == nil)
    for number in [0, 2, 3] { #expect(targets.target(Self.field(number)) != nil) }
  }

  @Test func whatIsBeingResolvedStays() throws {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    var targets = AssociationTargets(limit: 2)
    for number in 0..<2 {
      let attempt = ConnectAttempt(eventLoop: loop)
      let added = targets.add(AssociationTarget(.resolving(attempt, waiting: [])), Self.field(number))
      #expect(added)
    }
    let added = targets.add(AssociationTarget(.refused(.notSent, until: .distantFuture)), Self.field(2))
    #expect(!added)
    let attempts = (0..<2).compactMap { number -> ConnectAttempt? in
      guard case .resolving(let attempt, _)? = targets.target(Self.field(number))?.state else { return nil }
      return attempt
    }
    #expect(attempts.count == 2 && !attempts.contains { $0.isGivenUp })
    targets.removeAll()
    #expect(targets.count == 0 && attempts.allSatisfy(\.isGivenUp))
  }

  @Test func onlySoManyMayAnswer() throws {
    var targets = AssociationTargets(limit: 3)
    let peers = try (0..<4).map { try Self.peer($0) }
    for peer in peers[..<3] { targets.asked(peer) }
    targets.asked(peers[0])
    targets.asked(peers[3])
    #expect(targets.peerCount == 3 && targets.peer(at: peers[1].socketAddress) == nil)
    for index in [0, 2, 3] { #expect(targets.peer(at: peers[index].socketAddress) != nil) }
    // Who is asked again may answer again.
    targets.asked(peers[1])
    #expect(targets.peerCount == 3 && targets.peer(at: peers[1].socketAddress) != nil)
    #expect(targets.peer(at: try SocketAddress(.v4(0xc000_0201), port: 54)) == nil)
  }

  @Test func theSameAddressUnderTwoNamesIsOnePeer() throws {
    var targets = AssociationTargets(limit: 3)
    let (first, second) = (try Self.peer(1), try Self.peer(1))
    for peer in [first, second, first, second] {
      targets.asked(peer)
      #expect(targets.peerCount == 1 && targets.peer(at: first.socketAddress) === peer)
    }
  }
}

@Suite struct AssociationPortsTests {
  @Test func everyPortIsGivenAwayOnce() throws {
    let ports = AssociationPorts()
    let address = IPAddress.v4(0xc000_0201)
    let taken = (0..<10).compactMap { _ in ports.reserve(address, in: 40_000...40_009) }
    #expect(Set(taken.map(\.port)) == Set(40_000...40_009))
    #expect(ports.reserve(address, in: 40_000...40_009) == nil)
    #expect(ports.reserve(.v4(0xc000_0202), in: 40_000...40_009) != nil)
    ports.release(taken[3])
    #expect(ports.reserve(address, in: 40_000...40_009) == taken[3])
    #expect(ports.reserve(address, in: 65_535...65_535)?.port == 65_535)
  }
}

/// Errors that NIO closes a socket for.
@Suite(.timeLimit(.minutes(1))) struct AssociationSocketTests {
  private static func services() -> AssociationServices {
    AssociationServices(configuration: .init(), ports: AssociationPorts(), ownSockets: OwnSockets())
  }

  private static func ledger(descriptors: Int = 10) -> DescriptorLedger {
    DescriptorLedger(DescriptorLedger.Limits(connections: 1, descriptors: descriptors))
  }

  private static func isOwn(_ address: SocketAddress, of services: AssociationServices) -> Bool {
    guard let address = SOCKSAddress(address), case .address(let host) = address.host else { return false }
    return !services.ownSockets.endpoints(reachedBy: host, port: address.port).isEmpty
  }

  /// A descriptor and a place among our own, for as long as it is open.
  @Test(arguments: ["127.0.0.1", "0.0.0.0"]) func itCountsWhileItIsOpen(address: String) async throws {
    let (services, ledger) = (Self.services(), Self.ledger(descriptors: 2))
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let any = try SocketAddress(try #require(IPAddress(address)), port: 0)
    func open() async throws -> (NIOLoopBound<AssociationSocket>, SocketAddress) {
      try await loop.flatSubmit {
        let socket = AssociationSocket(
          any, services: services, descriptors: SessionDescriptors(ledger, id: 1), eventLoop: loop, received: { _ in },
          readCompleted: {}, lost: {}, gone: {})
        let bound = NIOLoopBound(socket, eventLoop: loop)
        return socket.open().map { (bound, $0) }
      }.get()
    }
    let (first, own) = try await open()
    let reached = try SocketAddress(.v4(0x7f00_0001), port: UInt16(clamping: own.port ?? 0))
    #expect(Self.isOwn(reached, of: services) && ledger.sockets == 1)
    await #expect(throws: SessionEnd(.limit(.descriptors))) { try await open() }
    #expect(ledger.sockets == 1)
    try await loop.submit { first.value.close() }.get()
    #expect(!Self.isOwn(reached, of: services))
    while ledger.sockets > 0 { await Task.yield() }
    let (second, _) = try await open()
    try await loop.submit { second.value.close() }.get()
  }

  /// Sending to a broadcast address fails for good: the socket comes back, at the same port.
  @Test func itComesBackAfterAFailure() async throws {
    let target = try await DatagramPeer()
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let broadcast = try SocketAddress(.v4(0x7fff_ffff), port: 53)
    let (lostDatagrams, continuation) = AsyncStream.makeStream(of: Void.self)
    let (socket, address) = try await loop.flatSubmit {
      let real = (try? SocketAddress(.v4(0x7f00_0001), port: 0)) ?? broadcast
      let used = AssociationSocket(
        real, services: Self.services(), descriptors: SessionDescriptors(Self.ledger(), id: 1), eventLoop: loop,
        received: { _ in }, readCompleted: {},
        lost: { continuation.yield() }, gone: {})
      let bound = NIOLoopBound(used, eventLoop: loop)
      return used.open().map { (bound, $0) }
    }.get()
    let remote = try #require(target.channel.localAddress)
    try await loop.submit {
      try socket.value.send(ByteBuffer(bytes: [1]), to: broadcast)
      socket.value.flush()
    }.get()
    for await _ in lostDatagrams { break }
    // While it rests, datagrams are lost; then it is there again.
    while target.count == 0 {
      try await loop.submit {
        do throws(DatagramDrop) {
          try socket.value.send(ByteBuffer(bytes: [2]), to: remote)
          socket.value.flush()
        } catch {
          #expect(error == .notSent || error == .queueFull)
        }
      }.get()
    }
    let received = try await target.receive()
    #expect(received.octets == [2] && received.source.port == UInt16(clamping: address.port ?? 0))
    try await loop.submit { socket.value.close() }.get()
    await target.close()
  }

  @Test func aSocketIsOpenedByItsFirstDatagramAndClosedForGood() async throws {
    let target = try await DatagramPeer()
    let remote = try #require(target.channel.localAddress)
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let socket = try await loop.submit {
      let any = (try? SocketAddress(.v4(0), port: 0)) ?? remote
      let socket = AssociationSocket(
        any, services: Self.services(), descriptors: SessionDescriptors(Self.ledger(), id: 1), eventLoop: loop,
        received: { _ in }, readCompleted: {}, lost: {}, gone: {})
      try socket.send(ByteBuffer(bytes: [1]), to: remote)
      socket.flush()
      return NIOLoopBound(socket, eventLoop: loop)
    }.get()
    #expect(try await target.receive().octets == [1])
    try await loop.submit {
      socket.value.close()
      #expect(throws: DatagramDrop.notSent) { try socket.value.send(ByteBuffer(), to: remote) }
    }.get()
    await target.close()
  }
}
