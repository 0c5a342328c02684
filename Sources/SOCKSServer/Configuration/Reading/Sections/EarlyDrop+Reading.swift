import ProxySession

extension EarlyDrop {
  /// Reads `START:RATE:FULL`.
  init(parsing text: String) throws(ValueError) {
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { decimal($0) }
    guard numbers.count == 3, let start = numbers[0], let rate = numbers[1], let full = numbers[2],
      let drop = EarlyDrop(start: start, rate: rate, full: full)
    else {
      throw ValueError(
        "expected START:RATE:FULL such as 2500:30:5000 (connections, per cent, connections; START at most FULL), "
          + "not \(quoted(text))")
    }
    self = drop
  }
}
