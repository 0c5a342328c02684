extension Report {
  /// All panels, one below the other.
  var plot: String {
    var panels = [self.throughputPanel, self.crowdPanel, self.cpuPanel]
    panels += [
      self.panel(
        .handshakes, "Sessions made and closed (context, level 2, CONNECT, close)", "per second", ["per second"]),
      self.panel(.handshakes, "The same: time of one", "milliseconds", [Column.p50, Column.p99]),
      self.panel(.roundTrips, "Round trip of one octet", "milliseconds", [Column.p50, Column.p99]),
      self.panel(.memory, "Resident memory of an idle level 2 session", "KiB", [Stage.memoryColumn]),
    ]
    let note = self.machine.map { "\($0.date) · \($0.lines.first ?? "")" } ?? ""
    return BarChart(panels: panels.filter { !$0.bars.isEmpty }, note: note).svg
  }

  private func panel(_ scenario: Scenario, _ title: String, _ unit: String, _ columns: [String]) -> BarChart.Panel {
    let bars = self.rows(scenario).map { row in
      BarChart.Bar(label: row, values: columns.map { self.median(scenario, row, $0) })
    }
    return BarChart.Panel(title: title, unit: unit, series: columns.count > 1 ? columns : [], bars: bars)
  }

  /// Rows that differ in the direction alone become one with two bars.
  private func directed(_ scenario: Scenario, _ column: String, where isWanted: (String) -> Bool) -> [BarChart.Bar] {
    self.rows(scenario).compactMap { row in
      guard row.hasSuffix(", down"), isWanted(row) else { return nil }
      let name = String(row.dropLast(", down".count))
      let values = ["down", "up"].map { self.median(scenario, "\(name), \($0)", column) }
      return BarChart.Bar(label: name, values: values)
    }
  }

  private var throughputPanel: BarChart.Panel {
    BarChart.Panel(
      title: "Throughput, one connection", unit: "GB/s", series: ["down", "up"],
      bars: self.directed(.clear, Column.throughput) { _ in true }
        + self.directed(.streams, Column.throughput) { $0.contains("× 1,") })
  }

  private var crowdPanel: BarChart.Panel {
    BarChart.Panel(
      title: "Throughput at level 2, several connections together", unit: "GB/s", series: ["down", "up"],
      bars: self.directed(.streams, Column.throughput) { $0.contains("level 2") && !$0.contains("× 1,") })
  }

  private var cpuPanel: BarChart.Panel {
    BarChart.Panel(
      title: "CPU of the gateway (or relay), one connection", unit: "seconds per GB", series: ["down", "up"],
      bars: self.directed(.clear, Column.cpu) { _ in true }
        + self.directed(.streams, Column.gatewayCPU) { $0.contains("× 1,") && !$0.hasPrefix("bridge") })
  }
}
