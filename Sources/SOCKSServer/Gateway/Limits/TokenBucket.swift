import NIOCore

/// Lets octets pass at a steady rate. Nothing is saved up while nothing passes, so that no burst follows.
///
/// Readers learn how much they have read after the fact: a read that finds no debt goes ahead and is charged for; where
/// there is debt, a reader takes the next turn with an estimate, which is put right by what it then reads. Turns are
/// given in the order in which they are asked for.
struct TokenBucket {
  private let nanosecondsPerOctet: Double
  /// When what has been charged for will have passed.
  private var free: NIODeadline

  init(octetsPerSecond: Int, now: NIODeadline) {
    self.nanosecondsPerOctet = 1e9 / Double(max(1, octetsPerSecond))
    self.free = now
  }

  /// Whether nothing must wait.
  func isFree(_ now: NIODeadline) -> Bool { self.free <= now }

  /// How long octets would have to wait.
  func debt(_ now: NIODeadline) -> TimeAmount { self.free > now ? self.free - now : .zero }

  /// Takes the next turn, for an estimated number of octets.
  ///
  /// - Returns: how long to wait.
  mutating func takeTurn(_ octets: Int, now: NIODeadline) -> TimeAmount {
    let wait = self.debt(now)
    self.charge(octets, now: now)
    return wait
  }

  /// Octets have passed.
  mutating func charge(_ octets: Int, now: NIODeadline) {
    self.free = max(self.free, now) + self.time(octets)
  }

  /// The octets of a turn have passed: so many more than estimated, or fewer, where the number is negative.
  mutating func correct(by octets: Int) {
    self.free = self.free + self.time(octets)
  }

  private func time(_ octets: Int) -> TimeAmount {
    // At 1 KiB/s, 2^40 octets are less than 2^60 ns; the bound keeps the conversion from overflowing.
    let bounded = Double(min(max(octets, -(1 << 40)), 1 << 40)) * max(self.nanosecondsPerOctet, 0)
    return .nanoseconds(Int64(min(max(bounded, -1e18), 1e18)))
  }
}
