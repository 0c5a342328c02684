internal import KerberosTokens

extension Report {
  /// What is promised, as far as this run says anything about it.
  var promises: [Promise] {
    self.options.engines.flatMap { engine in
      self.relayPromises(engine) + self.sessionPromises(engine)
    } + self.clearPromises + self.enginePromises + self.cipherPromises
  }

  private func add(
    _ promises: inout [Promise], _ name: String, _ limit: Double, isAtMost: Bool = true, _ body: (Figures) -> Double?
  ) {
    guard let value = self.median(body) else { return }
    promises.append(Promise(name: name, value: value, limit: limit, isAtMost: isAtMost))
  }

  private static func name(_ engine: String?) -> String { engine.map { "gateway (\($0))" } ?? "gateway" }

  /// The gateway against its own clear relay. What the system's library alone can do is less, and is measured against
  /// the library.
  private func relayPromises(_ engine: String?) -> [Promise] {
    var promises: [Promise] = []
    let name = Self.name(engine)
    for (direction, call, level2) in [("down", "gss_wrap", 0.55), ("up", "gss_unwrap", 0.65)] {
      for (level, least) in [(2, level2), (1, 0.7)] {
        let row = Streams.row(name, level: level, connections: 1, direction: direction)
        let relay = self.clearRow(direction)
        if engine == "system" {
          self.add(&promises, "\(row): CPU ÷ (\(call) + clear relay)", 1.25) { figures in
            guard let gateway = figures.value(.streams, row, Column.gatewayCPU),
              let library = figures.value(.library, "\(call), level \(level), 65000 octets", Column.cpu),
              let relay = figures.value(.clear, relay, Column.cpu)
            else { return nil }
            return gateway / (library + relay)
          }
        } else if engine != "portable" {
          self.add(&promises, "\(row): GB/s ÷ clear relay", least, isAtMost: false) { figures in
            Self.quotient(
              figures.value(.streams, row, Column.throughput), figures.value(.clear, relay, Column.throughput))
          }
          if level == 2 {
            self.add(&promises, "\(row): gateway CPU s/GB", 0.8) { $0.value(.streams, row, Column.gatewayCPU) }
          }
        }
      }
    }
    return promises
  }

  /// The gateway's own relay without protection: where it serves no such clients, its relay handlers alone.
  private func clearRow(_ direction: String) -> String {
    self.rows(.clear).first { $0.contains(Stage.Name.unprotected) && $0.hasSuffix(", \(direction)") }
      ?? "\(Stage.Name.relay), \(direction)"
  }

  private func sessionPromises(_ engine: String?) -> [Promise] {
    var promises: [Promise] = []
    let name = Self.name(engine)
    self.add(&promises, "\(name): sessions made per second, 16 at once", 3_000, isAtMost: false) {
      $0.value(.handshakes, "\(name), 16 at once", "per second")
    }
    self.add(&promises, "\(name): a session made, 16 at once, p99 ms", 20) {
      $0.value(.handshakes, "\(name), 16 at once", Column.p99)
    }
    self.add(&promises, "\(name): round trip at level 2, p50 above direct, ms", 0.1) {
      $0.value(.roundTrips, "\(name), level 2", "p50 above direct, ms")
    }
    let memory = self.rows(.memory).filter { $0.hasPrefix("\(name), ") }
    for row in memory {
      self.add(&promises, "\(row): KiB each", 32) { $0.value(.memory, row, Stage.memoryColumn) }
    }
    let fresh = memory.filter { $0.hasSuffix("fresh") }.compactMap { self.median(.memory, $0, Stage.memoryColumn) }
    if let least = fresh.min(), let most = fresh.max(), fresh.count > 1 {
      promises.append(Promise(name: "\(name): idle sessions, most KiB each ÷ least", value: most / least, limit: 1.1))
    }
    return promises
  }

  private var clearPromises: [Promise] {
    var promises: [Promise] = []
    for (direction, _) in Streams.directions {
      for other in [Stage.Name.copy, "HAProxy", "HAProxy, splice", "microsocks"] {
        self.add(&promises, "clear relay, \(direction): GB/s ÷ \(other)", 1, isAtMost: false) { figures in
          Self.quotient(
            figures.value(.clear, "\(Stage.Name.relay), \(direction)", Column.throughput),
            figures.value(.clear, "\(other), \(direction)", Column.throughput))
        }
      }
    }
    return promises
  }

  /// What the engine brings, where the same run has a gateway on the system's library.
  private var enginePromises: [Promise] {
    var promises: [Promise] = []
    let engine = self.options.engines.contains("auto") ? "auto" : nil
    let row = Streams.row(Self.name(engine), level: 2, connections: 1, direction: "down")
    let system = Streams.row(Self.name("system"), level: 2, connections: 1, direction: "down")
    self.add(&promises, "\(row): GB/s ÷ the system's library", 5, isAtMost: false) { figures in
      Self.quotient(
        figures.value(.streams, row, Column.throughput), figures.value(.streams, system, Column.throughput))
    }
    return promises
  }

  /// The engine against the library, for what almost every realm uses.
  private var cipherPromises: [Promise] {
    var promises: [Promise] = []
    for (level, provider, batch, wrap, unwrap) in [
      (2, "multi-buffer", 16, 20.0, 20.0), (1, "multi-buffer", 16, 8, 8), (2, "libcrypto", 1, 3, 6),
    ] {
      for (call, least) in [("wrap", wrap), ("unwrap", unwrap)] {
        let row = Engine.row(.aes256SHA1, level: level, call, size: 16_384)
        let column = Engine.column(provider, batch: batch)
        self.add(&promises, "engine, \(row), \(column) ÷ library", least, isAtMost: false) {
          $0.value(.engine, row, column)
        }
      }
    }
    return promises
  }

  private static func quotient(_ value: Double?, _ other: Double?) -> Double? {
    guard let value, let other, other > 0 else { return nil }
    return value / other
  }
}
