import Glibc

/// What one round measured, by name.
struct Figures {
  var values: [String: Double] = [:]

  mutating func record(_ name: String, cpu: Double, octets: Double) {
    self.values["\(name): CPU s/GB"] = cpu / (octets / 1e9)
  }

  mutating func record(_ name: String, times: [Double]) {
    let sorted = times.sorted()
    guard !sorted.isEmpty else { return }
    self.values["\(name): p50 ms"] = sorted[sorted.count / 2] * 1_000
    self.values["\(name): p99 ms"] = sorted[sorted.count * 99 / 100] * 1_000
  }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard let last = sorted.last else { return .nan }
  return sorted.count.isMultiple(of: 2)
    ? (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2 : sorted.count > 1 ? sorted[sorted.count / 2] : last
}

/// To standard error, so that standard output holds the table alone.
func progress(_ line: String) { _ = "\(line)\n".withCString { write(2, $0, strlen($0)) } }

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
