import Glibc

/// What one round measured.
struct Figures {
  /// A row of one scenario's table, and a column of it.
  struct Key: Hashable {
    var scenario: Scenario
    var row: String
    var column: String
  }

  private(set) var values: [Key: Double] = [:]
  /// In the order in which they were first recorded.
  private(set) var keys: [Key] = []

  mutating func record(_ scenario: Scenario, _ row: String, _ column: String, _ value: Double) {
    let key = Key(scenario: scenario, row: row, column: column)
    if self.values.updateValue(value, forKey: key) == nil { self.keys.append(key) }
  }

  func value(_ scenario: Scenario, _ row: String, _ column: String) -> Double? {
    self.values[Key(scenario: scenario, row: row, column: column)]
  }
}

func median(_ values: [Double]) -> Double { percentile(values, 50) }

/// Of an even number of values the mean of the two in the middle.
func percentile(_ values: [Double], _ percent: Int) -> Double {
  let sorted = values.sorted()
  guard let last = sorted.last else { return .nan }
  if percent == 50, sorted.count.isMultiple(of: 2) {
    return (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
  }
  let index = sorted.count * percent / 100
  return index < sorted.count ? sorted[index] : last
}

/// To standard error, so that standard output holds the table alone.
func progress(_ line: String) { _ = "\(line)\n".withCString { write(2, $0, strlen($0)) } }

func exitWithUsage() { exit(64) }

/// A number with so many decimals, without Foundation.
func fixed(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite else { return "-" }
  let scale = pow(10, Double(decimals))
  let scaled = Int64((abs(value) * scale).rounded())
  let digits = String(scaled)
  let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
  let sign = value < 0 && scaled != 0 ? "-" : ""
  return decimals == 0 ? sign + padded : "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
}

/// A number with about three digits that count.
func rounded(_ value: Double) -> String {
  fixed(value, abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 3)
}
