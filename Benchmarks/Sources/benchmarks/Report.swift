import CBenchmark
import Glibc

/// All rounds together.
struct Report {
  /// A figure that is promised, with its limit.
  struct Promise {
    var name: String
    var value: Double
    var limit: Double
    var isAtMost = true

    var isHeld: Bool { self.isAtMost ? self.value <= self.limit : self.value >= self.limit }
  }

  var machine: Machine?
  let options: Options
  private var rounds: [Figures] = []

  init(options: Options) { self.options = options }

  mutating func add(_ figures: Figures) { self.rounds.append(figures) }

  /// Over the rounds in which it was measured.
  func values(_ scenario: Scenario, _ row: String, _ column: String) -> [Double] {
    self.rounds.compactMap { $0.value(scenario, row, column) }
  }

  func median(_ scenario: Scenario, _ row: String, _ column: String) -> Double? {
    let values = self.values(scenario, row, column)
    return values.isEmpty ? nil : benchmarks.median(values)
  }

  /// The median of what is taken within each round.
  func median(_ body: (Figures) -> Double?) -> Double? {
    let values = self.rounds.compactMap(body)
    return values.isEmpty ? nil : benchmarks.median(values)
  }

  /// In the order in which they were first recorded.
  func rows(_ scenario: Scenario) -> [String] { self.distinct(scenario, \.row) }
  func columns(_ scenario: Scenario) -> [String] { self.distinct(scenario, \.column) }

  private func distinct(_ scenario: Scenario, _ part: KeyPath<Figures.Key, String>) -> [String] {
    var found: [String] = []
    for round in self.rounds {
      for key in round.keys where key.scenario == scenario && !found.contains(key[keyPath: part]) {
        found.append(key[keyPath: part])
      }
    }
    return found
  }

  /// Known before minutes of measuring.
  static func expectFolder(_ folder: String) throws {
    let path = "\(folder)/results.json"
    guard access(folder, W_OK) == 0, access(path, W_OK) == 0 || access(path, F_OK) != 0 else {
      throw BenchmarkError("cannot write \(path): --output takes a folder that exists")
    }
  }

  func write(to folder: String) throws {
    for (name, text) in [("results.md", self.markdown), ("results.svg", self.plot), ("results.json", self.json)] {
      guard bench_write_file("\(folder)/\(name)", text) == 1 else {
        throw BenchmarkError("cannot write \(folder)/\(name)")
      }
    }
  }

  /// Every round's figures, and the promises.
  private var json: String {
    func number(_ value: Double) -> String { value.isFinite ? fixed(value, 6) : "null" }
    func quoted(_ text: String) -> String { "\"\(text.filter { $0 != "\"" && $0 != "\\" && $0 != "\n" })\"" }
    let figures = Scenario.allCases.flatMap { scenario in
      self.rows(scenario).flatMap { row in
        self.columns(scenario).compactMap { column -> String? in
          let values = self.values(scenario, row, column).map(number).joined(separator: ", ")
          guard !values.isEmpty else { return nil }
          return "    {\"scenario\": \(quoted(scenario.rawValue)), \"row\": \(quoted(row)), "
            + "\"column\": \(quoted(column)), \"rounds\": [\(values)]}"
        }
      }
    }
    let promises = self.promises.map { promise in
      "    {\"name\": \(quoted(promise.name)), \"value\": \(number(promise.value)), "
        + "\"\(promise.isAtMost ? "atMost" : "atLeast")\": \(number(promise.limit))}"
    }
    let machine = (self.machine?.lines ?? []).map { "    \(quoted($0))" }
    return """
      {
        "machine": [
      \(machine.joined(separator: ",\n"))
        ],
        "figures": [
      \(figures.joined(separator: ",\n"))
        ],
        "promises": [
      \(promises.joined(separator: ",\n"))
        ]
      }

      """
  }
}
