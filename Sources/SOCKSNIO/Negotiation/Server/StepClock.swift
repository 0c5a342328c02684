import NIOCore

/// How long the steps of this side have taken in one negotiation. A client that leaves after a long one has been kept
/// waiting: programs have timeouts of their own.
struct StepClock {
  /// From here on it is this side that was slow.
  static let patience: TimeAmount = .seconds(1)

  private var began: NIODeadline?
  private var longest: TimeAmount = .zero

  mutating func begin(now: NIODeadline) { self.began = now }

  mutating func end(now: NIODeadline) {
    self.longest = self.longest(now: now)
    self.began = nil
  }

  func hasBeenSlow(now: NIODeadline) -> Bool { self.longest(now: now) >= Self.patience }

  private func longest(now: NIODeadline) -> TimeAmount {
    max(self.longest, self.began.map { now - $0 } ?? .zero)
  }
}
