import NIOCore
import SOCKSCore
import Synchronization

/// A bandwidth that several sessions share, on whatever event loops they are. Each way has the whole of it.
final class BandwidthBucket: Sendable {
  private struct State {
    var up: TokenBucket
    var down: TokenBucket
    var members = 0
  }

  /// What one read of each member may take together: octets for so many milliseconds.
  private static let roundMilliseconds = 50
  /// Bounds of one read.
  private static let reads = 1 << 10...1 << 18

  private let bandwidth: Bandwidth
  private let state: Mutex<State>

  init(_ bandwidth: Bandwidth, now: NIODeadline) {
    self.bandwidth = bandwidth
    let bucket = TokenBucket(octetsPerSecond: bandwidth.octetsPerSecond, now: now)
    self.state = Mutex(State(up: bucket, down: bucket))
  }

  func join() { self.state.withLock { $0.members += 1 } }

  func leave() { self.state.withLock { $0.members -= 1 } }

  /// The largest single read of a member: a power of two, because buffers have such sizes.
  var largestRead: Int {
    let members = max(1, self.state.withLock { $0.members })
    let share = self.bandwidth.octetsPerSecond / (1000 / Self.roundMilliseconds) / members
    let bounded = min(max(share, Self.reads.lowerBound), Self.reads.upperBound)
    return 1 << (Int.bitWidth - 1 - bounded.leadingZeroBitCount)
  }

  /// - Returns: how long to wait, and what was charged for in advance.
  func takeTurn(_ side: StreamRelay.Side, octets: Int, now: NIODeadline) -> (wait: TimeAmount, charged: Int) {
    self.with(side) { bucket in
      bucket.isFree(now) ? (.zero, 0) : (bucket.takeTurn(octets, now: now), octets)
    }
  }

  /// Octets have passed, of which so many were charged for in advance.
  func passed(_ octets: Int, charged: Int, from side: StreamRelay.Side, now: NIODeadline) {
    self.with(side) { bucket in
      if charged > 0 { bucket.correct(by: octets - charged) } else { bucket.charge(octets, now: now) }
    }
  }

  /// Nothing has passed of what was charged for in advance, and nothing will.
  func giveBack(_ charged: Int, to side: StreamRelay.Side) {
    if charged > 0 { self.with(side) { $0.correct(by: -charged) } }
  }

  /// How long it takes until what has passed is paid for, both ways.
  func debt(_ now: NIODeadline) -> TimeAmount { self.state.withLock { max($0.up.debt(now), $0.down.debt(now)) } }

  /// For what cannot wait.
  func debt(_ side: StreamRelay.Side, now: NIODeadline) -> TimeAmount { self.with(side) { $0.debt(now) } }

  private func with<Result>(_ side: StreamRelay.Side, _ body: (inout TokenBucket) -> Result) -> Result {
    self.state.withLock { state in
      switch side {
      case .client: body(&state.up)
      case .target: body(&state.down)
      }
    }
  }
}
