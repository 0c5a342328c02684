extension Duration {
  /// Reads a whole number and its unit: `500ms`, `30s`, `10m`, `2h`, `1d`.
  init(parsing text: String) throws(ValueError) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit: Duration? =
      switch text.dropFirst(digits.count) {
      case "ms": .milliseconds(1)
      case "s": .seconds(1)
      case "m": .seconds(60)
      case "h": .seconds(3600)
      case "d": .seconds(86_400)
      default: nil
      }
    guard let number = decimal(digits), let unit else {
      throw ValueError("expected a duration such as 500ms, 30s, 10m, 2h or 1d, not \(quoted(text))")
    }
    self = unit * number
  }

  /// In the largest unit that gives a whole number.
  var text: String {
    let units: [(String, Duration)] = [
      ("d", .seconds(86_400)), ("h", .seconds(3600)), ("m", .seconds(60)), ("s", .seconds(1)), ("ms", .milliseconds(1)),
    ]
    for (name, unit) in units where self != .zero {
      let number = Int(self / unit)
      if unit * number == self { return "\(number)\(name)" }
    }
    return self == .zero ? "0s" : "\(self)"
  }
}

/// A number of octets.
struct SizeText {
  let octets: Int

  /// Reads a whole number of octets, or of `KiB`, `MiB`, `GiB`.
  init(parsing text: String) throws(ValueError) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit: Int? =
      switch text.dropFirst(digits.count) {
      case "": 1
      case "KiB": 1 << 10
      case "MiB": 1 << 20
      case "GiB": 1 << 30
      default: nil
      }
    // At most nine digits, times 2^30: fits into 64 bits.
    guard let number = decimal(digits), let unit else {
      throw ValueError("expected a number of bytes such as 65536, 64KiB or 1MiB, not \(quoted(text))")
    }
    octets = number * unit
  }

  static func text(_ octets: Int) -> String {
    for (shift, name) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] where octets > 0 && octets % (1 << shift) == 0 {
      return "\(octets >> shift)\(name)"
    }
    return "\(octets)"
  }
}
