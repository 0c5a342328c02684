import CBenchmark
import Glibc

extension Stage {
  /// Octets that a used session has carried.
  static let traffic: UInt64 = 16 << 20

  static func memoryRow(_ gateway: String, sessions: Int, isUsed: Bool) -> String {
    "\(gateway), \(sessions) sessions, \(isUsed ? "after 16 MiB each" : "fresh")"
  }

  static let memoryColumn = "KiB each"

  /// What a gateway keeps in memory for level 2 sessions that do nothing. A gateway of its own for each number: freed
  /// memory is not given back.
  func measureMemory() throws -> Figures {
    var figures = Figures()
    let most = Int(bench_raise_descriptor_limit(0) / 2) - 500
    for engine in self.options.engines {
      var measured: Set<Int> = []
      for wanted in self.options.sessions {
        let sessions = min(wanted, most)
        if sessions < wanted { progress("\(wanted) sessions need more descriptors than are allowed: \(sessions)") }
        guard measured.insert(sessions).inserted else { continue }
        try self.measureMemory(&figures, engine: engine, sessions: sessions)
        progress("memory at \(sessions) sessions")
      }
    }
    return figures
  }

  private func measureMemory(_ figures: inout Figures, engine: String?, sessions: Int) throws {
    let gateway = try self.startFreshGateway(engine: engine)
    defer { gateway.end() }
    let way = gateway.way(level: 2)
    // What every first session brings with it: libraries, tables, threads.
    let first = try Self.openIdle(way, 16)
    defer { Self.closeIdle(first) }
    let before = gateway.child.resident
    let opened = try Self.openIdle(way, sessions)
    defer { Self.closeIdle(opened) }
    func record(isUsed: Bool) {
      let row = Self.memoryRow(gateway.name, sessions: sessions, isUsed: isUsed)
      // What is only put off may happen.
      sleep(1)
      let resident = gateway.child.resident
      figures.record(.memory, row, Self.memoryColumn, Double(resident - before) / Double(sessions) / 1_024)
      figures.record(.memory, row, "MiB resident", Double(resident) / 1_048_576)
    }
    record(isUsed: false)
    guard sessions <= self.options.trafficSessions else { return }
    var connections = opened
    guard bench_use_idle(&connections, connections.count, Self.traffic) == 1 else {
      throw BenchmarkError("a session did not carry what it was given")
    }
    record(isUsed: true)
  }

  static func openIdle(_ way: bench_way, _ count: Int) throws -> [OpaquePointer?] {
    var connections = [OpaquePointer?](repeating: nil, count: count)
    let opened = bench_open_idle(way, count, &connections)
    guard opened == count else {
      Self.closeIdle(Array(connections.prefix(opened)))
      throw BenchmarkError("only \(opened) of \(count) sessions could be opened")
    }
    return connections
  }

  static func closeIdle(_ connections: [OpaquePointer?]) {
    for connection in connections { bench_close(connection) }
  }
}
