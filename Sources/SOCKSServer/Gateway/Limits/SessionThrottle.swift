import NIOCore
import SOCKSCore
import SOCKSNIO

/// Holds one session to the bandwidths of its principal and of its rule. Belongs to the session's event loop.
final class SessionThrottle: RelayThrottle {
  /// How late a datagram may be: what would have to wait longer is dropped.
  static let datagramDebt: TimeAmount = .milliseconds(50)

  private let buckets: [BandwidthBucket]
  /// For each bucket, what was charged for in advance.
  private var chargedUp: [Int]
  private var chargedDown: [Int]

  /// - Returns: nil when there is nothing to hold the session to.
  init?(_ buckets: [BandwidthBucket]) {
    guard !buckets.isEmpty else { return nil }
    self.buckets = buckets
    self.chargedUp = buckets.map { _ in 0 }
    self.chargedDown = self.chargedUp
    for bucket in buckets { bucket.join() }
  }

  deinit {
    for (bucket, (up, down)) in zip(self.buckets, zip(self.chargedUp, self.chargedDown)) {
      bucket.giveBack(up, to: .client)
      bucket.giveBack(down, to: .target)
      bucket.leave()
    }
  }

  var largestRead: @Sendable () -> Int {
    let buckets = self.buckets
    return { buckets.map(\.largestRead).min() ?? .max }
  }

  func delay(beforeReadingFrom side: StreamRelay.Side, now: NIODeadline) -> TimeAmount {
    // A turn that no octets have come of yet: messages may be longer than a read.
    guard self.charged(side).allSatisfy({ $0 == 0 }) else { return .zero }
    let octets = self.largestRead()
    let turns = self.buckets.map { $0.takeTurn(side, octets: octets, now: now) }
    self.setCharged(side, turns.map(\.charged))
    return turns.map(\.wait).max() ?? .zero
  }

  func received(_ count: Int, from side: StreamRelay.Side, now: NIODeadline) {
    for (bucket, charged) in zip(self.buckets, self.charged(side)) {
      bucket.passed(count, charged: charged, from: side, now: now)
    }
    self.setCharged(side, self.buckets.map { _ in 0 })
  }

  /// Whether a datagram may pass; it counts if so. One that may not is to be dropped, as a full link would do.
  func admitsDatagram(_ count: Int, from side: StreamRelay.Side, now: NIODeadline) -> Bool {
    guard self.buckets.allSatisfy({ $0.debt(side, now: now) <= Self.datagramDebt }) else { return false }
    for bucket in self.buckets { bucket.passed(count, charged: 0, from: side, now: now) }
    return true
  }

  private func charged(_ side: StreamRelay.Side) -> [Int] { side == .client ? self.chargedUp : self.chargedDown }

  private func setCharged(_ side: StreamRelay.Side, _ octets: [Int]) {
    switch side {
    case .client: self.chargedUp = octets
    case .target: self.chargedDown = octets
    }
  }
}
