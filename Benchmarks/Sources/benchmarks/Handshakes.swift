import CBenchmark

extension Stage {
  /// Sessions made and closed at once, in one table's rows.
  static let atOnce = [1, 16]

  /// Context, level, CONNECT, reply, close; the client is in this process, on the same processors.
  func measureHandshakes(_ figures: inout Figures) throws {
    for gateway in self.gateways {
      for threads in Self.atOnce {
        let count = threads == 1 ? max(1, self.options.handshakes / 4) : self.options.handshakes
        try self.measureHandshakes(&figures, gateway, row: "\(gateway.name), \(threads) at once", threads, count)
      }
      let idle = try Self.openIdle(gateway.way(level: 2), self.options.idleBeside)
      defer { Self.closeIdle(idle) }
      let threads = Self.atOnce.last ?? 1
      try self.measureHandshakes(
        &figures, gateway, row: "\(gateway.name), \(threads) at once, \(self.options.idleBeside) idle beside", threads,
        self.options.handshakes)
    }
  }

  private func measureHandshakes(
    _ figures: inout Figures, _ gateway: Gateway, row: String, _ threads: Int, _ count: Int
  ) throws {
    var times = [Double](repeating: 0, count: count)
    let gatewayCPU = gateway.child.cpu
    let ownCPU = bench_process_cpu(0)
    let seconds = bench_handshakes(gateway.way(level: 2), UInt32(threads), times.count, &times)
    guard seconds > 0 else { throw BenchmarkError("\(row): a session could not be made") }
    let count = Double(count)
    figures.record(.handshakes, row, "per second", count / seconds)
    figures.record(.handshakes, row, Column.p50, percentile(times, 50) * 1_000)
    figures.record(.handshakes, row, Column.p99, percentile(times, 99) * 1_000)
    figures.record(.handshakes, row, "gateway CPU µs each", (gateway.child.cpu - gatewayCPU) / count * 1e6)
    figures.record(.handshakes, row, "client and target CPU µs each", (bench_process_cpu(0) - ownCPU) / count * 1e6)
  }
}
