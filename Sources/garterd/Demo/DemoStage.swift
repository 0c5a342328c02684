import Logging
import NIOCore
import NIOPosix
import Platform
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer
import ServiceLifecycle

/// All that runs in the demo, on free ports of 127.0.0.1: web page, gateway, bridge, and an eavesdropper between those two.
final class DemoStage: Sendable {
  let origin: SOCKSAddress
  let gateway: SOCKSAddress
  let bridge: SOCKSAddress
  let eavesdropper: Eavesdropper

  private let page: DemoOrigin
  private let gatewayTask: Task<Void, any Error>
  private let bridgeService: Bridge
  private let pool: StepPool

  private static let anyPort = SOCKSAddress(.v4(0x7f00_0001), port: 0)

  private init(
    origin: SOCKSAddress, gateway: SOCKSAddress, bridge: SOCKSAddress, eavesdropper: Eavesdropper, page: DemoOrigin,
    gatewayTask: Task<Void, any Error>, bridgeService: Bridge, pool: StepPool
  ) {
    self.origin = origin
    self.gateway = gateway
    self.bridge = bridge
    self.eavesdropper = eavesdropper
    self.page = page
    self.gatewayTask = gatewayTask
    self.bridgeService = bridgeService
    self.pool = pool
  }

  static func start(realm: DemoRealm, logger: Logger) async throws -> DemoStage {
    let page = try await DemoOrigin.listen()
    let (gateway, gatewayTask) = try await Self.startGateway(realm: realm, logger: logger)
    let eavesdropper = try await Eavesdropper.listen(forwardingTo: gateway)
    // The bridge believes that the eavesdropper is the gateway, as a program on a tapped network would.
    var configuration = ProxyConnector.Configuration(
      gateway: SOCKSAddress(host: try SOCKSHost("localhost"), port: eavesdropper.address.port))
    configuration.credentialCache = realm.ticketCache
    configuration.level = .confidentiality
    let pool = StepPool(threads: 2, limit: 64)
    let connector = ProxyConnector(configuration, pool: pool)
    let complaints = LogWriter.standardError.makeLogger(label: "bridge", level: .warning)
    let bridgeService = try Bridge(Bridge.Configuration(listen: Self.anyPort), connector: connector, logger: complaints)
    let bridge = try await bridgeService.listen()
    return DemoStage(
      origin: page.address, gateway: gateway, bridge: bridge, eavesdropper: eavesdropper, page: page,
      gatewayTask: gatewayTask, bridgeService: bridgeService, pool: pool)
  }

  private static func startGateway(
    realm: DemoRealm, logger: Logger
  ) async throws -> (SOCKSAddress, Task<Void, any Error>) {
    let configuration = Configuration(
      listen: [.init(ListenAddress(address: .v4(0x7f00_0001), port: 0))],
      kerberos: Configuration.Kerberos(keytab: realm.keytab),
      rules: [
        // The demo's targets are on loopback, which has to be named.
        .allow(
          [.connect], identities: [try IdentityPattern(parsing: "\(DemoRealm.user)@\(realm.name)")],
          targets: [try TargetPattern(parsing: "127.0.0.0/8"), try TargetPattern(parsing: "::1")])
      ])
    let (listening, continuation) = AsyncStream.makeStream(of: SOCKSAddress.self)
    let server = ProxyServer(configuration: configuration, logger: logger) { addresses in
      for address in addresses { continuation.yield(address) }
    }
    let task = Task {
      defer { continuation.finish() }
      try await server.run()
    }
    for await address in listening { return (address, task) }
    try await task.value
    throw SOCKSError(.internalError, "the gateway ended before it listened")
  }

  func stop() async {
    await self.bridgeService.stop(drain: .zero)
    self.gatewayTask.cancel()
    _ = try? await self.gatewayTask.value
    await self.eavesdropper.stop()
    await self.page.stop()
    await self.pool.shutdown(within: .seconds(1))
  }
}
