import CBenchmark

/// A running `garterd`, with a bridge for each level where throughput is measured.
final class Gateway: Sendable {
  /// What rows of tables are called after it.
  let name: String
  let engine: String?
  let child: Child
  /// By level.
  let bridges: [Int: Child]
  /// Where it asks for no authentication, if it can.
  private let clearPort: UInt16?
  private let target: UInt16

  init(_ options: Options, engine: String?, folder: String, target: UInt16) throws {
    self.name = engine.map { "gateway (\($0))" } ?? "gateway"
    self.engine = engine
    self.target = target
    let port = bench_free_port()
    let path = "\(folder)/garterd-\(port).yaml"
    var configuration = GatewayConfiguration(port: port, folder: folder, engine: engine)
    try configuration.extend(options, path: path)
    try configuration.write(to: path)
    self.clearPort = configuration.clearPort
    let child = try Child(
      ["\(options.programs)/garterd", "run", "--config", path, "--log-level", "error"], port: port)
    self.child = child
    var bridges: [Int: Child] = [:]
    if options.measures(.streams) {
      for level in options.levels {
        let bridgePort = bench_free_port()
        let engineArguments = engine.map { ["--engine", $0] } ?? []
        do {
          bridges[level] = try Child(
            [
              "\(options.programs)/garter", "bridge", "--gateway", "localhost:\(port)", "--listen",
              "127.0.0.1:\(bridgePort)", "--level", ["integrity", "confidentiality", "selective"][level - 1],
              "--maximum-connections", "10000", "--quiet",
            ] + engineArguments, port: bridgePort)
        } catch {
          child.end()
          for bridge in bridges.values { bridge.end() }
          throw error
        }
      }
    }
    self.bridges = bridges
  }

  func end() {
    for bridge in self.bridges.values { bridge.end() }
    self.child.end()
  }

  /// To the target at a level.
  func way(level: Int) -> bench_way {
    bench_way(port: self.child.port, protection: Int32(level), target: self.target)
  }

  /// To the target without protection.
  var clearWay: bench_way? {
    self.clearPort.map { bench_way(port: $0, protection: Int32(bench_clear_socks), target: self.target) }
  }

  /// To the target at a level, for a program that speaks SOCKS without protection.
  func bridgedWay(level: Int) -> bench_way? {
    self.bridges[level].map {
      bench_way(port: $0.port, protection: Int32(bench_clear_socks), target: self.target)
    }
  }
}
