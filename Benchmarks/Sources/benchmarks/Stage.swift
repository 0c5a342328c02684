import CBenchmark
import GSSAPI
import NIOCore
import NIOPosix
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI
import ThrowawayRealm

/// All that is measured, running: a realm, a target, the gateway, our clear relay, and HAProxy where it is installed.
final class Stage: Sendable {
  static let service = "socks@localhost"

  let target: UInt16
  let gateway: Child
  let relay: Child
  /// HAProxy in TCP mode with one thread; with splicing and without it.
  let haproxy: [(name: String, child: Child)]
  let pool = StepPool(threads: 2, limit: 2_000)
  private let realm: KerberosRealm

  private init(
    realm: KerberosRealm, target: UInt16, gateway: Child, relay: Child, haproxy: [(name: String, child: Child)]
  ) {
    self.realm = realm
    self.target = target
    self.gateway = gateway
    self.relay = relay
    self.haproxy = haproxy
  }

  static func start(_ options: Options) async throws -> Stage {
    let realm = try await KerberosRealm.start()
    do {
      try KerberosEnvironment.adopt(realm.environment)
      try await realm.addPrincipal("socks/localhost")
      try await realm.addPrincipal("user")
      try await realm.exportKeytab(["socks/localhost"], to: "\(realm.folder)/default.keytab")
      try await realm.exportKeytab(["user"], to: "\(realm.folder)/user.keytab")
      try await realm.obtainTicket(
        for: "user", keytab: "\(realm.folder)/user.keytab", cache: "FILE:\(realm.folder)/default.ccache")
      let target = bench_start_target()
      guard target > 0 else { throw BenchmarkError("no target") }
      let gateway = try Self.startGateway(options.garterd, folder: realm.folder)
      let relayPort = bench_free_port()
      let relay = try Child(["/proc/self/exe", "relay", "\(relayPort)", "\(target)"], port: relayPort)
      return Stage(
        realm: realm, target: target, gateway: gateway, relay: relay,
        haproxy: Self.startHAProxy(folder: realm.folder, target: target))
    } catch {
      await realm.stop()
      throw error
    }
  }

  func stop() async {
    self.gateway.end()
    self.relay.end()
    for proxy in self.haproxy { proxy.child.end() }
    await self.pool.shutdown()
    await self.realm.stop()
  }

  private static func startGateway(_ program: String, folder: String) throws -> Child {
    let port = bench_free_port()
    let path = "\(folder)/garterd.yaml"
    let configuration = """
      listen:
        - address: 127.0.0.1:\(port)
      kerberos:
        keytab: \(folder)/default.keytab
        replay_cache: \(folder)/replay
      rules:
        - allow: [connect]
          principals: ["*@GARTER.TEST"]
          to: [127.0.0.0/8]

      """
    guard bench_write_file(path, configuration) == 1 else { throw BenchmarkError("cannot write \(path)") }
    return try Child([program, "run", "--config", path, "--log-level", "error"], port: port)
  }

  private static func startHAProxy(folder: String, target: UInt16) -> [(name: String, child: Child)] {
    [("haproxy", ""), ("haproxy, splice", "option splice-auto")].compactMap { name, option in
      let port = bench_free_port()
      let path = "\(folder)/haproxy-\(port).cfg"
      let configuration = """
        global
          nbthread 1
          maxconn 100
        defaults
          mode tcp
          timeout connect 5s
          timeout client 5m
          timeout server 5m
          \(option)
        listen relay
          bind 127.0.0.1:\(port)
          server target 127.0.0.1:\(target)

        """
      guard bench_write_file(path, configuration) == 1,
        let child = try? Child(
          ["env", "PATH=/usr/sbin:/usr/bin:/bin", "haproxy", "-db", "-q", "-f", path], port: port)
      else {
        progress("\(name) does not run: left out")
        return nil
      }
      return (name, child)
    }
  }

  /// A connection to the target through the gateway.
  func connect(level: ProtectionLevel) async throws -> any Channel {
    var configuration = ProxyConnector.Configuration(
      gateway: SOCKSAddress(host: try SOCKSHost("localhost"), port: self.gateway.port))
    configuration.level = level
    let connector = ProxyConnector(configuration, pool: self.pool)
    let proxied = try await connector.connect(to: SOCKSAddress(.v4(0x7f00_0001), port: self.target))
    guard proxied.protection?.level == level else { throw BenchmarkError("another level was agreed") }
    return proxied.channel
  }

  /// A connection to a port of ours without protection.
  func connectInClear(to port: UInt16) async throws -> any Channel {
    try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .connect(host: "127.0.0.1", port: Int(port)).get()
  }
}
