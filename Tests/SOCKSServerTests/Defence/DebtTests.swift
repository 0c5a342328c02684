import NIOCore
import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSServer

/// What a principal has used of its bandwidth in advance is not forgotten with its sessions.
@Suite(.timeLimit(.minutes(1))) struct DebtTests {
  private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

  private final class Clock: Sendable {
    private let time = Mutex(DebtTests.start)
    var now: NIODeadline { self.time.withLock { $0 } }
    func advance(_ amount: TimeAmount) { self.time.withLock { $0 = $0 + amount } }
  }

  private static func accounts(_ bandwidth: String, _ clock: Clock) throws -> PrincipalAccounts {
    var limits = Configuration.Limits()
    limits.bandwidthPerPrincipal = try Bandwidth(parsing: bandwidth)
    return PrincipalAccounts(limits, now: { clock.now })
  }

  private static func identity(_ name: String) throws -> Identity { Identity(try #require(Principal(name))) }

  /// Sessions one after another, each with one message of the largest size.
  @Test(arguments: StreamRelay.Side.allCases) func reconnectingPaysNoDebt(side: StreamRelay.Side) throws {
    let clock = Clock()
    let accounts = try Self.accounts("8KiB/s", clock)
    let alice = try Self.identity("alice@GARTER.TEST")
    let passed = 20 * 60_000
    for _ in 0..<20 {
      let session = try #require(accounts.open(alice, now: clock.now))
      let throttle = try #require(SessionThrottle([session.bucket].compactMap { $0 }))
      clock.advance(throttle.delay(beforeReadingFrom: side, now: clock.now))
      throttle.received(60_000, from: side, now: clock.now)
      withExtendedLifetime(session) {}
    }
    let seconds = Double((clock.now - Self.start).nanoseconds) / 1e9
    #expect(abs(Double(passed - 60_000) / seconds - 8_192) < 400, "\(seconds)")
  }

  @Test func datagramsAreNotForgottenEither() throws {
    let clock = Clock()
    let accounts = try Self.accounts("8KiB/s", clock)
    let alice = try Self.identity("alice@GARTER.TEST")
    var admitted = 0
    for _ in 0..<1_000 {
      let session = try #require(accounts.open(alice, now: clock.now))
      let throttle = try #require(SessionThrottle([session.bucket].compactMap { $0 }))
      if throttle.admitsDatagram(1_000, from: .client, now: clock.now) { admitted += 1 }
      withExtendedLifetime(session) {}
      clock.advance(.milliseconds(10))
    }
    #expect((75...90).contains(admitted), "\(admitted)")
  }

  /// Active Directory takes a name in any case, and puts it into the ticket so.
  @Test func anotherCaseIsTheSameAccount() throws {
    let clock = Clock()
    let accounts = try Self.accounts("8KiB/s", clock)
    let spellings = ["alice/x@GARTER.TEST", "Alice/X@garter.test", "\u{c4}@R.TEST", "\u{e4}@r.test"]
    let sessions = try spellings.map { accounts.open(try Self.identity($0), now: clock.now) }
    let buckets = try sessions.map { try #require($0?.bucket) }
    #expect(buckets[0] === buckets[1] && buckets[2] === buckets[3] && buckets[0] !== buckets[2])
    #expect(accounts.count == 2)
    let users = try ["alice", "Alice"].map { Identity.user(try #require(UserName(Array($0.utf8)))) }
    #expect(users[0].accountKey != users[1].accountKey)
  }

  /// A turn that was waited for, and not made use of, costs the next session nothing.
  @Test func aTurnThatWasNotUsedIsGivenBack() throws {
    let clock = Clock()
    let accounts = try Self.accounts("8KiB/s", clock)
    let alice = try Self.identity("alice@GARTER.TEST")
    let session = try #require(accounts.open(alice, now: clock.now))
    let bucket = try #require(session.bucket)
    bucket.passed(8_192, charged: 0, from: .client, now: clock.now)
    for _ in 0..<100 {
      let throttle = try #require(SessionThrottle([bucket]))
      #expect(throttle.delay(beforeReadingFrom: .client, now: clock.now) > .zero)
    }
    #expect(abs((bucket.debt(clock.now) - .seconds(1)).nanoseconds) < 1_000_000)
  }

  @Test func paidDebtsAreForgotten() throws {
    let clock = Clock()
    let accounts = try Self.accounts("1KiB/s", clock)
    for number in 0..<5_000 {
      let session = try #require(accounts.open(try Self.identity("u\(number)@GARTER.TEST"), now: clock.now))
      session.bucket?.passed(1_024, charged: 0, from: .client, now: clock.now)
      withExtendedLifetime(session) {}
      clock.advance(.milliseconds(10))
    }
    // A second's worth of debtors, and as many that have not been looked at since.
    #expect(accounts.count == 0 && accounts.closedCount <= 300, "\(accounts.closedCount)")
  }

  /// The table is bounded; who owes most stays in it.
  @Test func theLeastIndebtedAreForgiven() throws {
    let clock = Clock()
    let accounts = try Self.accounts("1KiB/s", clock)
    let worst = try Self.identity("worst@GARTER.TEST")
    do {
      let session = try #require(accounts.open(worst, now: clock.now))
      session.bucket?.passed(1 << 30, charged: 0, from: .target, now: clock.now)
      #expect(accounts.count == 1)
      withExtendedLifetime(session) {}
    }
    for number in 0..<3 * PrincipalAccounts.maximumDebtors {
      let session = try #require(accounts.open(try Self.identity("u\(number)@GARTER.TEST"), now: clock.now))
      session.bucket?.passed(1_000_000 + number, charged: 0, from: .client, now: clock.now)
      withExtendedLifetime(session) {}
    }
    #expect(accounts.closedCount <= PrincipalAccounts.maximumDebtors)
    let bucket = try #require(accounts.open(worst, now: clock.now)?.bucket)
    #expect(bucket.debt(clock.now) > .hours(24))
  }

  /// Clients that send everything at once, with the end of their streams behind it, one after the other.
  @Test(arguments: [true, false]) func sessionsOneAfterAnotherHaveOneBandwidth(byRule: Bool) async throws {
    var setting = GatewayUnderTest.Setting()
    let bandwidth = Bandwidth(octetsPerSecond: 1 << 20)
    if byRule { setting.rules[0].bandwidth = bandwidth } else { setting.limits.bandwidthPerPrincipal = bandwidth }
    let data = pattern(250_000)
    try await GatewayUnderTest.with(setting) { gateway in
      let origin = try await Origin()
      let start = ContinuousClock.now
      for _ in 0..<8 {
        var client = try await gateway.client()
        try await client.negotiate()
        try await client.sendRequest(origin.address)
        for begin in stride(from: 0, to: data.count, by: 50_000) {
          try await client.send(Array(data[begin..<begin + 50_000]))
        }
        try await client.peer.finish()
        let target = try await origin.accepted()
        #expect(await target.read(data.count) == data)
        #expect(await target.end() == .ended)
        await target.close()
        await client.peer.close()
      }
      // 2,000,000 bytes at 1 MiB/s are 1.9 s.
      #expect(ContinuousClock.now - start > .milliseconds(1_600))
      try await origin.close()
    }
  }
}
