import CBenchmark
import GSSAPI
import Glibc
import ThrowawayRealm

/// All that is measured, running: a realm, a target, gateways, and what they are compared with.
final class Stage: Sendable {
  static let service = "socks@localhost"

  let options: Options
  let target: UInt16
  /// One for each engine that is asked for.
  let gateways: [Gateway]
  /// Ways to the target without protection, by name; ours are ``Name/relay`` and ``Name/copy``.
  let clear: [(name: String, child: Child, way: bench_way)]
  private let realm: KerberosRealm

  enum Name {
    static let relay = "clear relay"
    static let copy = "copy in C"
    /// After what the gateway is called.
    static let unprotected = "without protection"
  }

  private init(
    options: Options, realm: KerberosRealm, target: UInt16, gateways: [Gateway],
    clear: [(name: String, child: Child, way: bench_way)]
  ) {
    self.options = options
    self.realm = realm
    self.target = target
    self.gateways = gateways
    self.clear = clear
  }

  static func start(_ options: Options) async throws -> Stage {
    // A session has two ends here and two in the gateway.
    let most = options.measures(.memory) ? (options.sessions.last ?? 0) : 0
    _ = bench_raise_descriptor_limit(UInt64(4_000 + 2 * most))
    let realm = try await KerberosRealm.start()
    do {
      try KerberosEnvironment.adopt(realm.environment)
      try await realm.addPrincipal("socks/localhost")
      // The scenario of the engine asks for session keys of each type.
      try await realm.run(
        ["kadmin.local", "-r", realm.name, "setstr", "socks/localhost", "session_enctypes", Engine.typeNames])
      try await realm.addPrincipal("user")
      try await realm.exportKeytab(["socks/localhost"], to: "\(realm.folder)/default.keytab")
      try await realm.exportKeytab(["user"], to: "\(realm.folder)/user.keytab")
      try await realm.obtainTicket(
        for: "user", keytab: "\(realm.folder)/user.keytab", cache: "FILE:\(realm.folder)/default.ccache")
      guard bench_take_tickets(self.service) == 1 else { throw BenchmarkError.load("tickets") }
      let target = bench_start_target()
      guard target > 0 else { throw BenchmarkError("no target") }
      var gateways: [Gateway] = []
      if options.scenarios.contains(where: { $0 != .library && $0 != .memory }) {
        for engine in options.engines {
          gateways.append(try Gateway(options, engine: engine, folder: realm.folder, target: target))
        }
      }
      return Stage(
        options: options, realm: realm, target: target, gateways: gateways,
        clear: try Self.startClear(options, folder: realm.folder, target: target))
    } catch {
      await realm.stop()
      throw error
    }
  }

  func stop() async {
    for gateway in self.gateways { gateway.end() }
    for relay in self.clear { relay.child.end() }
    await self.realm.stop()
  }

  /// A gateway that has had no traffic.
  func startFreshGateway(engine: String?) throws -> Gateway {
    try Gateway(self.options, engine: engine, folder: self.realm.folder, target: self.target)
  }

  private static func startClear(
    _ options: Options, folder: String, target: UInt16
  ) throws -> [(name: String, child: Child, way: bench_way)] {
    var relays: [(name: String, child: Child, way: bench_way)] = []
    func isDirect(_ port: UInt16) -> bench_way {
      bench_way(port: port, protection: Int32(bench_direct), target: target)
    }
    if options.measures(.clear) || options.measures(.roundTrips) || options.measures(.streams) {
      let port = bench_free_port()
      let relay = try Child(["/proc/self/exe", "relay", "\(port)", "\(target)"], port: port)
      relays.append((Name.relay, relay, isDirect(port)))
    }
    guard options.measures(.clear) else { return relays }
    let port = bench_free_port()
    relays.append(
      (Name.copy, try Child(["/proc/self/exe", "copy", "\(port)", "\(target)"], port: port), isDirect(port)))
    for (name, option) in [("HAProxy", "no option splice-auto"), ("HAProxy, splice", "option splice-auto")] {
      guard let child = self.startHAProxy(option, folder: folder, target: target) else {
        progress("\(name) does not run: left out")
        continue
      }
      relays.append((name, child, isDirect(child.port)))
    }
    let socksPort = bench_free_port()
    // It writes a line for each connection.
    let microsocks = "exec microsocks -i 127.0.0.1 -p \(socksPort) 2>/dev/null"
    if let child = try? Child(["sh", "-c", microsocks], port: socksPort) {
      let way = bench_way(port: socksPort, protection: Int32(bench_clear_socks), target: target)
      relays.append(("microsocks", child, way))
    } else {
      progress("microsocks does not run: left out")
    }
    return relays
  }

  /// TCP mode, one thread.
  private static func startHAProxy(_ option: String, folder: String, target: UInt16) -> Child? {
    let port = bench_free_port()
    let path = "\(folder)/haproxy-\(port).cfg"
    let configuration = """
      global
        nbthread 1
        maxconn 1000
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
    guard bench_write_file(path, configuration) == 1 else { return nil }
    return try? Child(["env", "PATH=/usr/sbin:/usr/bin:/bin", "haproxy", "-db", "-q", "-f", path], port: port)
  }
}
