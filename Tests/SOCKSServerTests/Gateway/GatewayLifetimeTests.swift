import Glibc
import Logging
import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import ServiceLifecycle
import Synchronization
import Testing

@testable import SOCKSServer

/// Beginning, limits, and stopping.
@Suite(.timeLimit(.minutes(1))) struct GatewayLifetimeTests {
  typealias Setting = GatewayUnderTest.Setting

  // MARK: The cap

  @Test func aClientBeyondTheCapWaitsForItsTurn() async throws {
    var setting = Setting()
    setting.limits.connections = 2
    try await GatewayUnderTest.with(setting) { gateway in
      let clients = try await (gateway.client(), gateway.client())
      try await clients.0.chooseMethod()
      try await clients.1.chooseMethod()
      let third = try await gateway.client()
      try await third.peer.send(SOCKSPeer.offer)
      // The others are served in the meantime: their answers come behind what the third would have got.
      try await clients.1.authenticate()
      #expect(third.peer.unread.isEmpty)
      await clients.0.peer.close()
      #expect(await third.peer.read(2) == [0x05, 0x01])
      await clients.1.peer.close()
      await third.peer.close()
      for _ in 0..<3 { _ = try await gateway.log.next() }
    }
  }

  @Test func listenersShareTheCap() async throws {
    var setting = Setting()
    setting.limits.connections = 1
    setting.listeners += [ListenAddress(address: .v4(0x7f00_0002), port: 0)]
    try await GatewayUnderTest.with(setting) { gateway in
      // Both listeners wait for connections at first, but only one connection is begun.
      let first = try await SOCKSPeer(gateway.addresses[0])
      try await first.chooseMethod()
      let waiting = try await (SOCKSPeer(gateway.addresses[0]), SOCKSPeer(gateway.addresses[1]))
      try await waiting.0.peer.send(SOCKSPeer.offer)
      try await waiting.1.peer.send(SOCKSPeer.offer)
      try await first.authenticate()
      #expect(waiting.0.peer.unread.isEmpty && waiting.1.peer.unread.isEmpty)
      await first.peer.close()
      _ = try await gateway.log.next()
      // One of them is served now, and the other when that one has gone.
      let served = await withTaskGroup(of: Int.self) { tasks in
        for (index, peer) in [waiting.0.peer, waiting.1.peer].enumerated() {
          tasks.addTask {
            _ = await peer.read(2)
            return index
          }
        }
        let first = await tasks.next()
        await (first == 0 ? waiting.0 : waiting.1).peer.close()
        _ = await tasks.next()
        return first
      }
      #expect(served != nil)
      await waiting.0.peer.close()
      await waiting.1.peer.close()
    }
  }

  /// What a listener has accepted and not begun is closed with it.
  @Test func aConnectionThatWaitsForRoomEndsWithItsListener() async throws {
    var setting = Setting()
    setting.limits.connections = 1
    setting.listeners += [ListenAddress(address: .v4(0x7f00_0002), port: 0)]
    try await GatewayUnderTest.with(setting) { gateway in
      let first = try await SOCKSPeer(gateway.addresses[0])
      try await first.chooseMethod()
      let waiting = try await SOCKSPeer(gateway.addresses[1])
      await gateway.beginStopping()
      _ = await first.peer.end()
      _ = await waiting.peer.end()
      try await gateway.stopped()
      #expect(gateway.log.ended.count == 1)
    }
  }

  /// A listener that waits for room is closed: nothing comes of the room then.
  @Test func aFullGatewayStops() async throws {
    var setting = Setting()
    setting.limits.connections = 1
    try await GatewayUnderTest.with(setting) { gateway in
      let client = try await gateway.client()
      try await client.chooseMethod()
      await gateway.beginStopping()
      #expect(await client.peer.end() == .ended)
      try await gateway.stopped()
      #expect(gateway.log.ended.count == 1)
    }
  }

  // MARK: Stopping

  @Test func whatNegotiatesEndsAndWhatRelaysGoesOn() async throws {
    var setting = Setting()
    setting.timeouts.drain = .seconds(600)
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      var (client, target) = try await gateway.relay(to: origin)
      let greeted = try await gateway.client()
      try await greeted.chooseMethod()
      var agreed = try await gateway.client()
      try await agreed.negotiate()
      await gateway.beginStopping()
      #expect(await greeted.peer.end() == .ended)
      #expect(await agreed.peer.end() == .ended)
      for _ in 0..<2 {
        let record = try await gateway.log.next()
        #expect(record["reason"] == "stopping" && record["closed_by"] == "gateway" && record["hint"] == nil)
      }
      // No new ones.
      await #expect(throws: (any Error).self) { try await gateway.client() }
      try await client.send([0x01])
      #expect(await target.read(1) == [0x01])
      try await target.send([0x02])
      #expect(try await client.receive() == [0x02])
      try await client.peer.finish()
      try await target.finish()
      #expect(await client.peer.end() == .ended)
      try await gateway.stopped()
      #expect(gateway.log.ended.last?["reason"] == "completed")
      #expect(gateway.log.lines.last?.message == "stopped")
    }
    try await origin.close()
  }

  @Test func atTheLimitTheRestIsReset() async throws {
    var setting = Setting()
    setting.timeouts.drain = .milliseconds(50)
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      let (client, target) = try await gateway.relay(to: origin)
      await gateway.beginStopping()
      #expect(await client.peer.end() == .failed(ECONNRESET))
      #expect(await target.end() == .failed(ECONNRESET))
      try await gateway.stopped()
      // The record is written before the gateway says that it has stopped.
      #expect(gateway.log.lines.suffix(2).map(\.message) == ["session ended", "stopped"])
      #expect(gateway.log.ended.first?["detail"] == "the gateway has stopped")
    }
    try await origin.close()
  }

  @Test func aLookupThatHangsDoesNotHoldUpTheEnd() async throws {
    let gate = Gate()
    var setting = Setting()
    setting.lookUp = { _, _ in
      gate.wait()
      return .failure(SessionEnd(.connectFailed(.noSuchName)))
    }
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      try await client.sendRequest(try SOCKSAddress(name: "slow.example", port: 9))
      await gate.entered()
      await gateway.beginStopping()
      try await gateway.stopped()
    }
    gate.open()
  }

  // MARK: Beginnings that fail

  @Test func aTakenPortIsToldAndNothingIsLeftListening() async throws {
    let taken = try await Origin()
    let port = try await Origin.closedPort()
    var setting = Setting()
    setting.listeners = [
      ListenAddress(address: .v4(0x7f00_0001), port: port),
      ListenAddress(address: .v4(0x7f00_0001), port: taken.port),
    ]
    let server = ProxyServer(
      configuration: setting.configuration, served: "",
      logger: Logger(label: "", factory: { _ in SwiftLogNoOpLogHandler() }),
      group: MultiThreadedEventLoopGroup.singleton, dependencies: setting.dependencies
    ) { _ in Issue.record("it listens") }
    let error = await #expect(throws: ListenError.self) { try await server.run() }
    #expect(error?.address == setting.listeners[1])
    #expect(Sockets.count(port: port) == 0)
    try await taken.close()
  }

  @Test func aMissingKeytabIsTold() async throws {
    let port = try await Origin.closedPort()
    var setting = Setting()
    setting.listeners = [ListenAddress(address: .v4(0x7f00_0001), port: port)]
    var dependencies = setting.dependencies
    dependencies.acquireAcceptor = { _, _ in throw SOCKSError(.noCredentials) }
    let server = ProxyServer(
      configuration: setting.configuration, served: "",
      logger: Logger(label: "", factory: { _ in SwiftLogNoOpLogHandler() }),
      group: MultiThreadedEventLoopGroup.singleton, dependencies: dependencies
    ) { _ in Issue.record("it listens") }
    await #expect(throws: SOCKSError(.noCredentials)) { try await server.run() }
    #expect(Sockets.count(port: port) == 0)
  }

  // MARK: Ticket lifetime

  @Test func aSessionEndsWithItsTicket() async throws {
    var setting = Setting()
    setting.attributes.lifetime = 1
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      let (client, target) = try await gateway.relay(to: origin)
      #expect(await client.peer.end() == .failed(ECONNRESET))
      #expect(await target.end() == .failed(ECONNRESET))
      let record = try await gateway.log.next()
      #expect(record["reason"] == "ticket-expired" && record["ticket"] == nil)
    }
    try await origin.close()
  }

  @Test func aSessionMayOutliveItsTicket() async throws {
    var setting = Setting()
    setting.attributes.lifetime = 0
    setting.expired = .log
    let origin = try await Origin()
    try await GatewayUnderTest.with(setting) { gateway in
      var (client, target) = try await gateway.relay(to: origin)
      try await client.send([0x01])
      #expect(await target.read(1) == [0x01])
      try await client.peer.finish()
      try await target.finish()
      let record = try await gateway.log.next()
      #expect(record["reason"] == "completed" && record["ticket"] == "expired during the session")
    }
    try await origin.close()
  }

  @Test func anExpiredTicketGetsNoSession() async throws {
    var setting = Setting()
    setting.attributes.lifetime = 0
    try await GatewayUnderTest.with(setting) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      #expect(await client.peer.end() == .ended)
      #expect(try await gateway.log.next()["reason"] == "ticket-expired")
    }
  }
}
