/// SplitMix64: the same numbers in every run, so that a failure can be repeated from its seed.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { self.state = seed }

  public mutating func next() -> UInt64 {
    self.state = self.state.addingReportingOverflow(0x9e37_79b9_7f4a_7c15).partialValue
    var word = self.state
    word = (word ^ (word >> 30)).multipliedReportingOverflow(by: 0xbf58_476d_1ce4_e5b9).partialValue
    word = (word ^ (word >> 27)).multipliedReportingOverflow(by: 0x94d0_49bb_1331_11eb).partialValue
    return word ^ (word >> 31)
  }

  public mutating func octets(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
  }
}
