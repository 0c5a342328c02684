import Glibc
import Logging
import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO
import SOCKSTestSupport
import Synchronization
import Testing

@testable import SOCKSServer

/// Clients that go away at every point: nothing of them stays.
@Suite(.timeLimit(.minutes(2))) struct SessionLeakTests {
  /// How far a client gets before it goes.
  enum Point: Int, CaseIterable {
    case nothing, halfOffer, offer, halfToken, stepping, authenticated, halfLevel, agreed, halfRequest
    case resolving, connecting, refused, relaying, halfClosed, badMessage
  }

  private final class Weak<Object: AnyObject & Sendable>: Sendable {
    private let reference = Mutex<WeakReference>(WeakReference())
    private struct WeakReference { weak var object: Object? }

    init(_ object: Object) { self.reference.withLock { $0.object = object } }
    var isGone: Bool { self.reference.withLock { $0.object == nil } }
  }

  @Test func aThousandClientsThatGoLeaveNothingBehind() async throws {
    let count = 1_020
    let gate = Gate()
    let origin = try await Origin()
    let silent = try await SilentTarget()
    let log = RecordLog()
    let port: UInt16
    let isHeld = Mutex(false)
    let pool = StepPool(threads: 1, limit: 2_000)
    var setting = GatewayUnderTest.Setting()
    setting.timeouts.resolve = .seconds(600)
    setting.timeouts.connect = .seconds(600)
    let registryIsGone: Weak<SessionRegistry>
    do {
      let registry = SessionRegistry(.init(connections: 100_000))
      registryIsGone = Weak(registry)
      let configuration = setting.configuration
      let listeners = try await Listeners.bind(
        configuration.listen, keepalive: TCPKeepalive(), group: MultiThreadedEventLoopGroup.singleton,
        ledger: registry.ledger, log: ListenerLog(Logger(label: "", factory: { _ in log })))
      let lines = RepeatedLines(
        logger: Logger(label: "", factory: { _ in log }), group: MultiThreadedEventLoopGroup.singleton)
      let services = SessionServices(
        configuration,
        makeEstablishment: { eventLoop in
          let establishment = FakeEstablishment([.complete([0x60, 0x02])], on: eventLoop)
          establishment.holdsSteps = isHeld.withLock { $0 }
          return establishment
        },
        lookup: NameLookup(configuration, pool: pool) { _, _ in
          gate.wait()
          return .failure(SessionEnd(.connectFailed(.noSuchName)))
        },
        registry: registry,
        admission: AdmissionControl(
          AdmissionLimits(configuration.limits, configuration.penalties),
          penalties: Penalties(
            Penalties.Settings(configuration.penalties), ipv6Prefix: 64, now: { .now() }, random: { _ in 0 }),
          lines: lines, random: { _ in 0 }, evict: {}),
        lines: lines, listenerLog: ListenerLog(Logger(label: "", factory: { _ in log })), ownSockets: OwnSockets(),
        now: .now(),
        logger: Logger(label: "", factory: { _ in log }))
      try await listeners.startAccepting(services)
      let address = try #require(listeners.addresses.first)
      port = address.port
      for index in 0..<count {
        let point = Point.allCases[index % Point.allCases.count]
        isHeld.withLock { $0 = point == .stepping }
        let target = try await Self.go(
          to: point, address, origin: origin, silent: silent, byReset: index / Point.allCases.count % 2 == 0)
        _ = try await log.next()
        await target?.close()
      }
      #expect(log.ended.count == count)
      await registry.waitUntilEmpty()
      #expect(registry.connections == 0 && registry.sessions == 0)
      await listeners.close()
      await Sockets.wait(port: port, until: 0)
      // The dials were given up with their clients: the listener and its two fillers are left.
      await Sockets.wait(port: silent.port, until: 3)
    }
    // Each session holds on to the registry. The loops let go of closed channels in their next turns.
    while !registryIsGone.isGone { await Task.yield() }
    gate.open()
    await pool.shutdown()
    try await origin.close()
    await silent.close()
  }

  /// A client that gets this far, and goes.
  private static func go(
    to point: Point, _ address: SOCKSAddress, origin: Origin, silent: SilentTarget, byReset: Bool
  ) async throws -> Peer? {
    var client = try await SOCKSPeer(address)
    var target: Peer?
    if point.rawValue > Point.halfOffer.rawValue { try await client.chooseMethod() }
    if point.rawValue > Point.stepping.rawValue { try await client.authenticate() }
    if point.rawValue > Point.halfLevel.rawValue { try await client.agree(2) }
    switch point {
    case .nothing, .offer, .authenticated, .agreed: break
    case .halfOffer: try await client.peer.send([0x05, 0x02, 0x01])
    case .halfToken: try await client.peer.send([0x01, 0x01, 0xff, 0xff, 0x60])
    case .stepping: try await client.peer.send(ByteScript.authentication(SOCKSPeer.token))
    case .halfLevel: try await client.peer.send(client.script.level([2]).dropLast())
    case .halfRequest: try await client.send([0x05, 0x01, 0x00])
    case .resolving: try await client.sendRequest(try SOCKSAddress(name: "slow.example", port: 9))
    case .connecting: try await client.sendRequest(SOCKSAddress(.v4(0x7f00_0001), port: silent.port))
    case .refused: _ = try await client.connect(SOCKSAddress(.v4(0xc000_0201), port: 9))
    case .relaying, .halfClosed, .badMessage:
      _ = try await client.connect(origin.address)
      target = try await origin.accepted()
      try await client.send([0x01])
      _ = await target?.read(1)
      if point == .halfClosed {
        try await target?.finish()
        _ = await client.peer.end()
      }
      if point == .badMessage { try await client.peer.send([0x01, 0x03, 0x00, 0x01, 0x00]) }
    }
    // The end of its stream alone does not end what is in flight: it may still want the answer, and there are deadlines.
    if byReset || [.stepping, .resolving, .connecting].contains(point) {
      await client.peer.reset()
    } else {
      await client.peer.close()
    }
    if point == .relaying, !byReset { try await target?.finish() }
    return target
  }
}
