internal import Glibc

/// When something was logged: in UTC, to the millisecond (RFC 3339).
struct LogTime: Hashable, Sendable {
  /// Since 1970-01-01T00:00:00Z.
  var milliseconds: Int64

  static var now: LogTime {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return LogTime(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
  }

  /// Appends `2026-01-02T03:04:05.678Z`.
  func append(to line: inout [UInt8]) {
    let day = self.milliseconds / 86_400_000
    let (year, month, dayOfMonth) = Self.date(daysSince1970: max(0, day))
    let rest = max(0, self.milliseconds % 86_400_000)
    Self.append(year, digits: 4, to: &line)
    line.append(UInt8(ascii: "-"))
    Self.append(month, digits: 2, to: &line)
    line.append(UInt8(ascii: "-"))
    Self.append(dayOfMonth, digits: 2, to: &line)
    line.append(UInt8(ascii: "T"))
    Self.append(rest / 3_600_000, digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    Self.append(rest / 60_000 % 60, digits: 2, to: &line)
    line.append(UInt8(ascii: ":"))
    Self.append(rest / 1_000 % 60, digits: 2, to: &line)
    line.append(UInt8(ascii: "."))
    Self.append(rest % 1_000, digits: 3, to: &line)
    line.append(UInt8(ascii: "Z"))
  }

  /// In the Gregorian calendar, whose 400 years have 146,097 days. Counted from 1 March 0000, so that a leap day is the last
  /// of its year.
  private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let days = days + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    // March is 0 here. Five months from March on have 153 days.
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }

  private static func append(_ number: Int64, digits: Int, to line: inout [UInt8]) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      line.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }
}
