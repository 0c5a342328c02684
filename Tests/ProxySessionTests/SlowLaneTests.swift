import NIOCore
import Testing

@testable import ProxySession

@Suite struct SlowLaneTests {
  static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  @Test func soManyASecondBegin() {
    var lane = SlowLane<Int>(perSecond: 4, connections: 100, maximumWaiting: 100)
    #expect(lane.arrive(1, now: Self.start) == .now)
    let turns = (1...8).map { _ in lane.arrive(1, now: Self.start) }
    #expect(turns == (1...8).map { .at(Self.start + .milliseconds(250 * $0)) })
    // Another address has a lane of its own.
    #expect(lane.arrive(2, now: Self.start) == .now)
  }

  @Test func soManyAreActiveAtATime() {
    var lane = SlowLane<Int>(perSecond: 1_000, connections: 2, maximumWaiting: 100)
    var now = Self.start
    for _ in 0..<2 {
      #expect(lane.arrive(1, now: now) == .now)
      now = now + .milliseconds(1)
    }
    guard case .at(let turn) = lane.arrive(1, now: now) else {
      Issue.record("the third began")
      return
    }
    // Its turn comes while the two are still there: it waits on.
    guard case .at(let later) = lane.retry(1, now: turn) else {
      Issue.record("the third began")
      return
    }
    #expect(later > turn)
    lane.left(1)
    #expect(lane.retry(1, now: later) == .now)
  }

  @Test func thoseWhoWaitAreBounded() {
    var lane = SlowLane<Int>(perSecond: 1, connections: 1, maximumWaiting: 3)
    _ = lane.arrive(1, now: Self.start)
    for _ in 0..<3 { #expect(lane.arrive(1, now: Self.start) != .never) }
    #expect(lane.arrive(1, now: Self.start) == .never)
    lane.gaveUp(1)
    #expect(lane.arrive(1, now: Self.start) != .never)
  }

  /// A guesser that comes back at once after each failure does not keep another program out for long.
  @Test func oneWhoComesBackAtOnceDelaysOthersByOneTurn() {
    var lane = SlowLane<Int>(perSecond: 10, connections: 4, maximumWaiting: 100)
    var now = Self.start
    var turn = now
    for _ in 0..<1_000 {
      switch lane.arrive(1, now: now) {
      case .now: turn = now
      case .at(let time):
        turn = time
        #expect(lane.retry(1, now: time) == .now)
      case .never: Issue.record("kept out")
      }
      lane.left(1)
      now = turn
    }
    guard case .at(let time) = lane.arrive(1, now: now) else {
      Issue.record("no turn")
      return
    }
    #expect(time - now <= .milliseconds(100))
  }

  @Test func emptyLanesAreForgotten() {
    var lane = SlowLane<Int>(perSecond: 10, connections: 4, maximumWaiting: 100)
    var now = Self.start
    for network in 0..<10_000 {
      _ = lane.arrive(network, now: now)
      lane.left(network)
      now = now + .milliseconds(10)
    }
    #expect(lane.count < 200)
  }
}

@Suite struct KnownAddressesTests {
  static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  @Test func anAddressIsKnownForAWhile() {
    var known = KnownAddresses<Int>(lifetime: .hours(1), capacity: 10)
    #expect(!known.isKnown(1, now: Self.start))
    known.authenticated(1, now: Self.start) { _ in 0 }
    #expect(known.isKnown(1, now: Self.start + .minutes(59)))
    #expect(!known.isKnown(1, now: Self.start + .minutes(60)))
    known.authenticated(1, now: Self.start + .minutes(59)) { _ in 0 }
    #expect(known.isKnown(1, now: Self.start + .minutes(118)))
    #expect(!known.isKnown(2, now: Self.start))
  }

  @Test func itNeverGrowsBeyondItsCapacity() {
    var known = KnownAddresses<Int>(lifetime: .hours(1), capacity: 10)
    for network in 0..<1_000 {
      known.authenticated(network, now: Self.start + .seconds(Int64(network))) { Int.random(in: 0..<$0) }
      #expect(known.isKnown(network, now: Self.start + .seconds(Int64(network))))
    }
    #expect(known.count == 10)
  }

  @Test func aLifetimeOfNothingKeepsNobody() {
    var known = KnownAddresses<Int>(lifetime: .zero, capacity: 10)
    known.authenticated(1, now: Self.start) { _ in 0 }
    #expect(known.count == 0)
  }
}
