import CBenchmark

/// Columns that more than one scenario has.
enum Column {
  static let throughput = "GB/s"
  static let perCore = "GB/s of a core"
  static let cpu = "CPU s/GB"
  static let gatewayCPU = "gateway CPU s/GB"
  static let bridgeCPU = "bridge CPU s/GB"
  static let faults = "page faults/GB"
  static let p50 = "p50 ms"
  static let p99 = "p99 ms"
}

/// Octets per second through relays, gateway and bridge.
final class Streams {
  static let directions: [(name: String, letter: CChar)] = [("down", 0x44), ("up", 0x55)]

  private let stage: Stage
  /// What a stream takes, so that each lasts about as long: known after the first round.
  private var amounts: [String: UInt64] = [:]

  init(_ stage: Stage) { self.stage = stage }

  /// Through relays without protection, one connection at a time.
  func measureClear(_ figures: inout Figures) throws {
    let gateways = self.stage.gateways.prefix(1).compactMap { gateway in
      gateway.clearWay.map { (name: "\(gateway.name) \(Stage.Name.unprotected)", child: gateway.child, way: $0) }
    }
    for relay in gateways + self.stage.clear {
      for direction in Self.directions {
        let row = "\(relay.name), \(direction.name)"
        let result = try self.run(
          relay.way, direction.letter, tls: false, connections: 1, row, processes: [relay.child], first: 200_000_000)
        figures.record(.clear, row, Column.throughput, result.throughput)
        figures.record(.clear, row, Column.cpu, result.cpu[0])
      }
    }
  }

  /// Through gateways with the client here, and through a bridge and the gateway.
  func measureProtected(_ figures: inout Figures) throws {
    for gateway in self.stage.gateways {
      for level in self.stage.options.levels {
        for count in self.stage.options.connections {
          for direction in Self.directions {
            try self.measure(gateway, level, count, direction, &figures)
          }
        }
      }
    }
  }

  static func row(_ name: String, level: Int, connections: Int, direction: String) -> String {
    "\(name), level \(level)\(level == 3 ? " (TLS inside)" : ""), × \(connections), \(direction)"
  }

  private func measure(
    _ gateway: Gateway, _ level: Int, _ count: Int, _ direction: (name: String, letter: CChar),
    _ figures: inout Figures
  ) throws {
    let row = Self.row(gateway.name, level: level, connections: count, direction: direction.name)
    let result = try self.run(
      gateway.way(level: level), direction.letter, tls: level == 3, connections: count, row,
      processes: [gateway.child], first: 32_000_000)
    figures.record(.streams, row, Column.throughput, result.throughput)
    figures.record(.streams, row, Column.gatewayCPU, result.cpu[0])
    guard let way = gateway.bridgedWay(level: level), let bridge = gateway.bridges[level] else { return }
    let bridged = Self.row("bridge + \(gateway.name)", level: level, connections: count, direction: direction.name)
    let both = try self.run(
      way, direction.letter, tls: level == 3, connections: count, bridged, processes: [gateway.child, bridge],
      first: 32_000_000)
    figures.record(.streams, bridged, Column.throughput, both.throughput)
    figures.record(.streams, bridged, Column.gatewayCPU, both.cpu[0])
    figures.record(.streams, bridged, Column.bridgeCPU, both.cpu[1])
  }

  /// GB/s of wall time, and CPU seconds for each GB of plaintext, by process.
  private func run(
    _ way: bench_way, _ letter: CChar, tls: Bool, connections: Int, _ row: String, processes: [Child], first: UInt64
  ) throws -> (throughput: Double, cpu: [Double]) {
    let count = self.amounts[row] ?? first
    guard let streams = bench_prepare_streams(way, letter, tls ? 1 : 0, count, UInt32(connections)) else {
      throw BenchmarkError.load(row)
    }
    defer { bench_release_streams(streams) }
    let before = processes.map(\.cpu)
    let seconds = bench_run_streams(streams)
    guard seconds > 0 else { throw BenchmarkError.load(row) }
    let gigabytes = Double(count) / 1e9
    let wanted = Double(count) / seconds * Double(self.stage.options.milliseconds) / 1_000
    self.amounts[row] = UInt64(min(max(wanted, 16e6), 1e9))
    return (gigabytes / seconds, zip(processes, before).map { ($0.cpu - $1) / gigabytes })
  }
}
