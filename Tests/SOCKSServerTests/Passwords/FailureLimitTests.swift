import NIOCore
import SOCKSCore
import Testing

@testable import SOCKSServer

@Suite struct FailureLimitTests {
  static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
  static func at(_ seconds: Int64) -> NIODeadline { Self.start + .seconds(seconds) }
  static let address = IPAddress.v4(0xC000_0201)

  @Test(arguments: [1, 2, 10, 1000])
  func takesSoManyAtOnceAndAsManyOverAMinute(perMinute: Int) {
    var limit = FailureLimit(perMinute: perMinute)
    for _ in 0..<perMinute {
      #expect(!limit.isExhausted(Self.address, now: Self.start))
      limit.failed(Self.address, now: Self.start)
    }
    #expect(limit.isExhausted(Self.address, now: Self.start))
    // One is forgiven after its share of the minute, and not before.
    let share = TimeAmount.nanoseconds(60_000_000_000 / Int64(perMinute))
    #expect(limit.isExhausted(Self.address, now: Self.start + share - .nanoseconds(1)))
    #expect(!limit.isExhausted(Self.address, now: Self.start + share))
    limit.failed(Self.address, now: Self.start + share)
    #expect(limit.isExhausted(Self.address, now: Self.start + share))
    // After a minute of silence all are.
    for count in 0..<perMinute {
      #expect(!limit.isExhausted(Self.address, now: Self.at(200)), "\(count)")
      limit.failed(Self.address, now: Self.at(200))
    }
    #expect(limit.isExhausted(Self.address, now: Self.at(200)))
  }

  @Test func addressesAreCountedApart() {
    var limit = FailureLimit(perMinute: 1)
    limit.failed(Self.address, now: Self.start)
    #expect(limit.isExhausted(Self.address, now: Self.start))
    #expect(!limit.isExhausted(.v4(0xC000_0202), now: Self.start))
    // The mapped form is the same address.
    #expect(limit.isExhausted(.v6(high: 0, low: 0xFFFF_C000_0201), now: Self.start))
  }

  @Test func aNetworkOfIPv6IsOneAddress() {
    var limit = FailureLimit(perMinute: 1)
    limit.failed(.v6(high: 0x2001_0db8_0000_0001, low: 1), now: Self.start)
    #expect(limit.isExhausted(.v6(high: 0x2001_0db8_0000_0001, low: 0xffff_ffff), now: Self.start))
    #expect(!limit.isExhausted(.v6(high: 0x2001_0db8_0000_0002, low: 1), now: Self.start))
  }

  @Test func theTableIsBounded() {
    var limit = FailureLimit(perMinute: 2)
    // Two failures: it is further from being forgiven than those that follow.
    for _ in 0..<2 { limit.failed(Self.address, now: Self.start) }
    for number in 0..<UInt32(FailureLimit.maximumAddresses + 100) {
      limit.failed(.v4(0x0a00_0000 + number), now: Self.start)
      #expect(limit.count <= FailureLimit.maximumAddresses)
    }
    #expect(limit.isExhausted(Self.address, now: Self.start))
    // Those that are forgiven make room first.
    limit.failed(.v4(1), now: Self.at(3600))
    #expect(limit.count == 1)
  }
}
