/// All rounds together.
struct Report {
  var memory: MemoryFigures?
  private var rounds: [Figures] = []

  mutating func add(_ figures: Figures) { self.rounds.append(figures) }

  /// The median over the rounds.
  func figure(_ name: String) -> Double { median(self.rounds.compactMap { $0.values[name] }) }

  /// The median of a quotient that is taken within each round.
  private func quotient(_ body: (Figures) -> Double?) -> Double { median(self.rounds.compactMap(body)) }

  /// What is promised: each figure with its limit.
  var promises: [(name: String, value: Double, isAtMost: Bool, limit: Double)] {
    var promises: [(name: String, value: Double, isAtMost: Bool, limit: Double)] = []
    for level in [1, 2] {
      for (direction, call) in [("down", "wrap"), ("up", "unwrap")] {
        let value = self.quotient { figures in
          guard let gateway = figures.values["gateway \(direction), level \(level): CPU s/GB"],
            let library = figures.values["library \(call), level \(level), 65000: CPU s/GB"],
            let relay = figures.values["relay \(direction): CPU s/GB"]
          else { return nil }
          return gateway / (library + relay)
        }
        promises.append(
          ("gateway \(direction), level \(level), CPU ÷ (library \(call) + clear relay)", value, true, 1.25))
      }
    }
    for direction in ["down", "up"] {
      for other in ["haproxy", "haproxy, splice"] {
        let value = self.quotient { figures in
          guard let ours = figures.values["relay \(direction): GB/s"],
            let theirs = figures.values["\(other) \(direction): GB/s"]
          else { return nil }
          return ours / theirs
        }
        if value.isFinite { promises.append(("clear relay \(direction), GB/s ÷ \(other)", value, false, 1)) }
      }
    }
    let added = self.quotient { figures in
      guard let proxied = figures.values["gateway, level 2: p50 ms"], let direct = figures.values["direct: p50 ms"]
      else { return nil }
      return proxied - direct
    }
    promises.append(("round trip of 1 octet, level 2, p50 above direct, ms", added, true, 0.1))
    if let memory = self.memory { promises.append(("idle level 2 session, KiB resident", memory.perSession, true, 64)) }
    return promises
  }

  var table: String {
    let names = Set(self.rounds.flatMap(\.values.keys)).sorted()
    let width = (names.map(\.count) + self.promises.map(\.name.count)).max() ?? 0
    func padded(_ name: String) -> String { name + String(repeating: " ", count: width - name.count) }
    func aligned(_ value: String) -> String { String(repeating: " ", count: max(0, 9 - value.count)) + value }
    var lines = ["Medians of \(self.rounds.count) rounds, and the least and the most", ""]
    for name in names {
      let values = self.rounds.compactMap { $0.values[name] }
      let numbers = [median(values), values.min() ?? .nan, values.max() ?? .nan]
      lines.append("\(padded(name))  \(numbers.map { aligned(fixed($0, 3)) }.joined(separator: " "))")
    }
    lines += ["", "Promises", ""]
    for promise in self.promises {
      let holds = promise.isAtMost ? promise.value <= promise.limit : promise.value >= promise.limit
      lines.append(
        "\(padded(promise.name))  \(aligned(fixed(promise.value, 3)))  \(promise.isAtMost ? "at most " : "at least") "
          + "\(fixed(promise.limit, 2))  \(holds ? "held" : "MISSED")")
    }
    return lines.joined(separator: "\n")
  }

  var json: String {
    let names = Set(self.rounds.flatMap(\.values.keys)).sorted()
    func number(_ value: Double) -> String { value.isFinite ? fixed(value, 6) : "null" }
    let figures = names.map { name in
      "    \"\(name)\": [\(self.rounds.compactMap { $0.values[name] }.map(number).joined(separator: ", "))]"
    }
    let promises = self.promises.map { promise in
      "    {\"name\": \"\(promise.name)\", \"value\": \(number(promise.value)), "
        + "\"\(promise.isAtMost ? "atMost" : "atLeast")\": \(number(promise.limit))}"
    }
    return """
      {
        "rounds": {
      \(figures.joined(separator: ",\n"))
        },
        "promises": [
      \(promises.joined(separator: ",\n"))
        ]
      }

      """
  }
}
