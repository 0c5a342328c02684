import Logging
import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import ServiceLifecycle
import Synchronization

@testable import SOCKSServer

/// A gateway on a free port of the loopback, with the toy protection and a resolver that the test writes.
final class GatewayUnderTest: Sendable {
  let log = RecordLog()
  let address: SOCKSAddress
  let addresses: [SOCKSAddress]
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  struct Setting: Sendable {
    var rules: [AccessRule] = [GatewayUnderTest.loopback]
    var limits = Configuration.Limits()
    var udp = Configuration.UDP()
    var timeouts = Setting.timeouts
    var bind = Configuration.Bind()
    var listeners = [ListenAddress(address: .v4(0x7f00_0001), port: 0)]
    var methods: [AuthenticationMethod] = [.gssapi]
    var clients: [Configuration.Listener.Clients] = []
    var passwords: Configuration.Passwords?
    var expired: Configuration.Kerberos.Expiry = .close
    var penalties = Configuration.Penalties()
    var keepalive = Configuration.Keepalive()
    var now: @Sendable () -> NIODeadline = { .now() }
    var random: @Sendable (Int) -> Int = { Int.random(in: 0..<max(1, $0)) }
    var descriptors: Int?
    var attributes = SecurityContextAttributes.fake()
    /// What each context's first step ends with.
    var step: @Sendable () -> FakeEstablishment.Step = { .complete([0x60, 0x02]) }
    var lookUp: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd> = { _, _ in
      .failure(SessionEnd(.connectFailed(.noSuchName)))
    }
    var inHostsFile: @Sendable (String, Int) -> Result<[IPAddress], SessionEnd> = { _, _ in .success([]) }
    var searchDomains: [HostName] = []
    var rulesAsked: @Sendable (RulesQuestion) -> Void = { _ in }
    /// Called with every context made.
    var prepare: @Sendable (FakeEstablishment) -> Void = { _ in }

    /// What a test leaves open is not waited for.
    private static let timeouts: Configuration.Timeouts = {
      var timeouts = Configuration.Timeouts()
      timeouts.drain = .milliseconds(50)
      return timeouts
    }()

    var configuration: Configuration {
      var configuration = Configuration(
        listen: self.listeners.map { .init($0, methods: self.methods, clients: self.clients) },
        kerberos: .init(keytab: "/nonexistent", expired: self.expired, clockSkew: .zero),
        passwords: self.passwords, timeouts: self.timeouts, limits: self.limits, penalties: self.penalties,
        udp: self.udp, bind: self.bind, rules: self.rules)
      configuration.keepalive = self.keepalive
      configuration.names.search = self.searchDomains
      return configuration
    }

    var dependencies: GatewayDependencies {
      let (attributes, step, prepare, descriptors) = (self.attributes, self.step, self.prepare, self.descriptors)
      return GatewayDependencies(
        acquireAcceptor: { _, _ in
          GatewayDependencies.Acceptor(
            makeEstablishment: { eventLoop in
              let establishment = FakeEstablishment(
                [step()], on: eventLoop, attributes: attributes)
              prepare(establishment)
              return establishment
            }, engine: "fake")
        }, lookUp: self.lookUp, inHostsFile: self.inHostsFile,
        rulesAsked: self.rulesAsked, now: self.now, random: self.random,
        descriptors: { descriptors })
    }
  }

  /// Everybody of the realm to 127.0.0.0/8.
  static let loopback = AccessRule.allow(
    [.connect], identities: [.everybody], targets: [.network(.loopback)], name: "loopback")

  private init(_ setting: Setting) async throws {
    let log = self.log
    let logger = Logger(label: "test", factory: { _ in log })
    let (listening, continuation) = AsyncStream.makeStream(of: [SOCKSAddress].self)
    let server = ProxyServer(
      configuration: setting.configuration, served: "", logger: logger,
      group: MultiThreadedEventLoopGroup.singleton, dependencies: setting.dependencies
    ) { addresses in
      continuation.yield(addresses)
    }
    let group = ServiceGroup(
      configuration: .init(
        services: [server], logger: Logger(label: "quiet", factory: { _ in SwiftLogNoOpLogHandler() })))
    self.group = group
    self.running = Task {
      defer { continuation.finish() }
      try await group.run()
    }
    var addresses: [SOCKSAddress] = []
    for await bound in listening {
      addresses = bound
      break
    }
    self.addresses = addresses
    guard let first = addresses.first else {
      try await self.running.value
      throw CancellationError()
    }
    self.address = first
  }

  /// Lends a gateway, and stops it.
  static func with<Result>(
    _ setting: Setting = Setting(), _ body: (GatewayUnderTest) async throws -> Result
  ) async throws -> Result {
    let gateway = try await GatewayUnderTest(setting)
    do {
      let result = try await body(gateway)
      await gateway.beginStopping()
      try await gateway.stopped()
      return result
    } catch {
      await gateway.beginStopping()
      try? await gateway.stopped()
      throw error
    }
  }

  func beginStopping() async { await self.group.triggerGracefulShutdown() }

  func stopped() async throws { try await self.running.value }

  func client() async throws -> SOCKSPeer { try await SOCKSPeer(self.address) }

  /// A client at another address of the loopback.
  func client(from address: IPAddress) async throws -> SOCKSPeer { try await SOCKSPeer(self.address, from: address) }

  /// A client that relays to a connection of the origin.
  func relay(to origin: Origin, level: UInt8 = 2) async throws -> (client: SOCKSPeer, target: Peer) {
    var client = try await self.client()
    try await client.negotiate(level: level)
    let reply = try await client.connect(origin.address)
    guard reply.starts(with: [0x05, 0x00]) else { throw SOCKSPeer.Unexpected(octets: reply) }
    return (client, try await origin.accepted())
  }
}

extension IdentityPattern {
  static let everybody: IdentityPattern = (try? IdentityPattern(parsing: "*@GARTER.TEST")) ?? .anonymous
}

extension IPNetwork {
  static let loopback = IPNetwork(.v4(0x7f00_0000), prefixLength: 8) ?? IPNetwork(.v4(0x7f00_0001))
  static let loopbackV6 = IPNetwork(.v6(high: 0, low: 1))
}
