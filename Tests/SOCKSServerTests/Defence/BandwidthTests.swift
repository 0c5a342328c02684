import NIOCore
import SOCKSCore
import Testing

@testable import SOCKSServer

/// Simulations in virtual time: readers that always find something to read.
@Suite struct BandwidthTests {
  private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

  private struct Passed {
    var at: NIODeadline
    var reader: Int
    var octets: Int
  }

  /// Lets readers read for some time; each is a throttle of its own over the given buckets.
  private static func run(
    _ readers: [[BandwidthBucket]], seconds: Int64, side: StreamRelay.Side = .target, read: (Int) -> Int = { $0 }
  ) -> [Passed] {
    let throttles = readers.compactMap { SessionThrottle($0) }
    var due = throttles.map { _ in Self.start }
    var isWaiting = throttles.map { _ in false }
    var passed: [Passed] = []
    while let next = due.indices.min(by: { due[$0] < due[$1] }), due[next] < Self.start + .seconds(seconds) {
      // Nobody reads so often who is held up at all.
      guard passed.count < 500_000 else {
        Issue.record("a reader never waits")
        return passed
      }
      let now = due[next]
      if !isWaiting[next] {
        let delay = throttles[next].delay(beforeReadingFrom: side, now: now)
        if delay > .zero {
          due[next] = now + delay
          isWaiting[next] = true
          continue
        }
      }
      isWaiting[next] = false
      let octets = read(throttles[next].largestRead())
      throttles[next].received(octets, from: side, now: now)
      passed.append(Passed(at: now, reader: next, octets: octets))
    }
    return passed
  }

  private static func bucket(_ text: String) throws -> BandwidthBucket {
    BandwidthBucket(try Bandwidth(parsing: text), now: Self.start)
  }

  private static func mostInATenth(_ passed: [Passed]) -> Int {
    var (most, sum, first) = (0, 0, 0)
    for last in passed.indices {
      sum += passed[last].octets
      while passed[last].at - passed[first].at >= .milliseconds(100) {
        sum -= passed[first].octets
        first += 1
      }
      most = max(most, sum)
    }
    return most
  }

  @Test(arguments: ["16KiB/s", "100KiB/s", "1MiB/s", "10MiB/s", "1GiB/s"], [1, 3, 10])
  func thePaceIsEvenAndTheSharesAreEqual(_ text: String, readers: Int) throws {
    let bucket = try Self.bucket(text)
    let rate = try Bandwidth(parsing: text).octetsPerSecond
    let passed = Self.run(Array(repeating: [bucket], count: readers), seconds: 10)
    let sum = passed.reduce(0) { $0 + $1.octets }
    #expect(abs(sum - 10 * rate) <= rate / 5, "\(sum)")
    // A tenth of a second's worth, and what is read when it begins.
    #expect(Self.mostInATenth(passed) <= rate / 10 + rate / 10 + readers * 1_024)
    for reader in 0..<readers {
      let share = passed.filter { $0.reader == reader }.reduce(0) { $0 + $1.octets }
      #expect(abs(share - sum / readers) <= max(sum / readers / 10, 2_048), "\(reader): \(share) of \(sum)")
    }
  }

  /// Messages of 64 KiB, whatever was estimated: the rate holds.
  @Test func wrongEstimatesAreMadeUpFor() throws {
    let bucket = try Self.bucket("1MiB/s")
    let passed = Self.run([[bucket], [bucket]], seconds: 20, read: { _ in 65_475 })
    let sum = passed.reduce(0) { $0 + $1.octets }
    #expect(abs(sum - 20 << 20) <= 4 * 65_475, "\(sum)")
    let small = Self.run([[try Self.bucket("1MiB/s")]], seconds: 20, read: { _ in 100 })
    #expect(abs(small.reduce(0) { $0 + $1.octets } - 20 << 20) <= 1 << 18)
  }

  @Test func nothingIsSavedUp() throws {
    let bucket = try Self.bucket("1MiB/s")
    let throttle = try #require(SessionThrottle([bucket]))
    let later = Self.start + .hours(1)
    #expect(throttle.delay(beforeReadingFrom: .client, now: later) == .zero)
    throttle.received(1 << 20, from: .client, now: later)
    let wait = throttle.delay(beforeReadingFrom: .client, now: later)
    #expect((.milliseconds(999) ... .milliseconds(1_001)).contains(wait))
  }

  @Test func eachWayHasItsOwn() throws {
    let throttle = try #require(SessionThrottle([try Self.bucket("1MiB/s")]))
    throttle.received(1 << 20, from: .client, now: Self.start)
    #expect(throttle.delay(beforeReadingFrom: .target, now: Self.start) == .zero)
    #expect(throttle.delay(beforeReadingFrom: .client, now: Self.start) > .zero)
  }

  @Test func theNarrowerOfTwoHolds() throws {
    let (principal, rule) = (try Self.bucket("10MiB/s"), try Self.bucket("1MiB/s"))
    let passed = Self.run([[principal, rule]], seconds: 10)
    #expect(abs(passed.reduce(0) { $0 + $1.octets } - 10 << 20) <= 1 << 18)
  }

  /// Two principals under one rule's bandwidth: the one with one session is not at the mercy of the other's ten, because
  /// its own sessions take turns with theirs; both principals' bandwidths hold.
  @Test func aPrincipalAndARule() throws {
    let rule = try Self.bucket("11MiB/s")
    let (first, second) = (try Self.bucket("8MiB/s"), try Self.bucket("8MiB/s"))
    let passed = Self.run(Array(repeating: [first, rule], count: 10) + [[second, rule]], seconds: 10)
    let ofFirst = passed.filter { $0.reader < 10 }.reduce(0) { $0 + $1.octets }
    #expect(ofFirst <= 81 << 20)
    #expect(passed.reduce(0) { $0 + $1.octets } <= 112 << 20)
  }

  @Test func aReadIsAShareOfTheRound() throws {
    let bucket = try Self.bucket("10MiB/s")
    let one = try #require(SessionThrottle([bucket]))
    #expect(one.largestRead() == 1 << 18)
    do {
      let others = (0..<9).compactMap { _ in SessionThrottle([bucket]) }
      #expect(others.count == 9)
      #expect(one.largestRead() == 1 << 15)
    }
    #expect(one.largestRead() == 1 << 18)
    #expect(try #require(SessionThrottle([try Self.bucket("1KiB/s")])).largestRead() == 1_024)
    #expect(SessionThrottle([]) == nil)
  }

  @Test func aDatagramThatWouldHaveToWaitIsDropped() throws {
    let throttle = try #require(SessionThrottle([try Self.bucket("1MiB/s")]))
    var octets = 0
    for millisecond in Int64(0)..<10_000 {
      // Ten times too many.
      for _ in 0..<10 where throttle.admitsDatagram(1_024, from: .client, now: Self.start + .milliseconds(millisecond))
      {
        octets += 1_024
      }
    }
    #expect(abs(octets - 10 << 20) <= 1 << 17)
    #expect(throttle.admitsDatagram(1_024, from: .target, now: Self.start))
  }

  @Test(arguments: ["1", "1MiB", "1MB/s", "1023/s", "1025GiB/s", "-1KiB/s", "1.5MiB/s", "/s"])
  func otherTextsAreRefused(_ text: String) {
    #expect(throws: ValueError.self) { try Bandwidth(parsing: text) }
  }

  @Test func bandwidthsAreWrittenAsTheyAreRead() throws {
    for text in ["1KiB/s", "10MiB/s", "1024GiB/s", "1025/s"] {
      #expect(try Bandwidth(parsing: text).description == text)
    }
  }
}
