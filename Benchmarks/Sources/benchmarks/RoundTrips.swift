import CBenchmark

extension Stage {
  /// Round trips of one octet, all ways taking turns; then again with a stream down beside them, each on its own way.
  func measureRoundTrips(_ figures: inout Figures) throws {
    var ways: [(name: String, way: bench_way)] = [
      ("direct", bench_way(port: self.target, protection: Int32(bench_direct), target: self.target))
    ]
    ways += self.clear.filter { $0.name == Name.relay }.map { ($0.name, $0.way) }
    for gateway in self.gateways {
      ways += self.options.levels.map { ("\(gateway.name), level \($0)", gateway.way(level: $0)) }
    }
    for isLoaded in [false, true] {
      let times = try ways.map { (name: $0.name, seconds: try self.roundTrips($0.way, $0.name, isLoaded: isLoaded)) }
      let p50 = times.map { percentile($0.seconds, 50) * 1_000 }
      for (index, way) in times.enumerated() {
        let row = way.name + (isLoaded ? ", a stream beside" : "")
        figures.record(.roundTrips, row, Column.p50, p50[index])
        figures.record(.roundTrips, row, Column.p99, percentile(way.seconds, 99) * 1_000)
        if index > 0 { figures.record(.roundTrips, row, "p50 above direct, ms", p50[index] - p50[0]) }
        if index > 1 { figures.record(.roundTrips, row, "p50 above clear relay, ms", p50[index] - p50[1]) }
      }
    }
  }

  private func roundTrips(_ way: bench_way, _ name: String, isLoaded: Bool) throws -> [Double] {
    guard let connection = bench_connect(way, 0) else { throw BenchmarkError.load(name) }
    defer { bench_close(connection) }
    let load = isLoaded ? bench_begin_load(way) : nil
    defer { if let load { _ = bench_end_load(load) } }
    var times = [Double](repeating: 0, count: self.options.roundTrips)
    // The first ones wake what sleeps.
    guard bench_round_trips(connection, min(50, times.count), &times) == 1,
      bench_round_trips(connection, times.count, &times) == 1
    else { throw BenchmarkError.load(name) }
    return times
  }
}
