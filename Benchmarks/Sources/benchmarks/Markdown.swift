extension Report {
  /// The tables.
  var markdown: String {
    var parts = ["# Results"]
    if let machine = self.machine {
      parts.append("Measured on \(machine.date).\n\n" + machine.lines.map { "- \($0)" }.joined(separator: "\n"))
    }
    parts.append(
      "Medians of \(self.options.rounds) round\(self.options.rounds == 1 ? "" : "s"), with the least and the most; memory is measured once. "
        + "GB are 10⁹ octets of plaintext; CPU seconds are of the process that the column names, user and system.")
    for scenario in Scenario.allCases where !self.rows(scenario).isEmpty {
      parts.append("## \(scenario.title)")
      parts.append(self.table(scenario))
    }
    if !self.promises.isEmpty {
      parts.append("## Promises")
      parts.append("Quotients are taken within each round, then the median of them.")
      parts.append(
        Self.table(
          ["promise", "value", "limit", ""],
          self.promises.map {
            [
              $0.name, rounded($0.value), "\($0.isAtMost ? "at most" : "at least") \(fixed($0.limit, 2))",
              $0.isHeld ? "held" : "**missed**",
            ]
          }))
    }
    return parts.joined(separator: "\n\n") + "\n"
  }

  private func table(_ scenario: Scenario) -> String {
    let columns = self.columns(scenario)
    let rows = self.rows(scenario).map { row in
      [row]
        + columns.map { column in
          let values = self.values(scenario, row, column)
          guard let least = values.min(), let most = values.max() else { return "" }
          let middle = rounded(benchmarks.median(values))
          return values.count == 1 ? middle : "\(middle) (\(rounded(least))–\(rounded(most)))"
        }
    }
    return Self.table([""] + columns, rows)
  }

  private static func table(_ head: [String], _ rows: [[String]]) -> String {
    ([head, head.indices.map { $0 == 0 ? "---" : "---:" }] + rows)
      .map { "| \($0.joined(separator: " | ")) |" }.joined(separator: "\n")
  }
}

extension Scenario {
  var title: String {
    switch self {
    case .library: "The GSS library, and our binding of it"
    case .engine: "The token engine: times the GSS library, one core"
    case .clear: "Relays without protection, one connection"
    case .streams: "Gateway and bridge"
    case .handshakes: "Sessions made and closed"
    case .roundTrips: "Round trips of one octet"
    case .memory: "Memory of idle level 2 sessions"
    }
  }
}
