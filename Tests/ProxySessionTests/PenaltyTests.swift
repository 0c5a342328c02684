import NIOCore
import SOCKSCore
import Synchronization
import SOCKSTestSupport
import Testing

@testable import ProxySession

@Suite struct PenaltyTests {
  private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

  private static func at(_ seconds: Int64) -> NIODeadline { self.start + .seconds(seconds) }

  private static func network(_ number: Int) -> SourceNetwork {
    SourceNetwork(of: .v4(0x0A00_0000 + UInt32(number)), ipv6Prefix: 64)
  }

  private static func table(capacity: Int = 100) -> Table {
    Table(PenaltyTable(minimum: .seconds(15), maximum: .seconds(600), capacity: capacity))
  }

  /// So that the table can be asked inside of an expectation.
  private final class Table {
    private var table: PenaltyTable

    init(_ table: PenaltyTable) { self.table = table }

    var count: Int { self.table.count }

    func record(_ penalty: TimeAmount, of network: SourceNetwork, now: NIODeadline, random: (Int) -> Int) {
      self.table.record(penalty, of: network, now: now, random: random)
    }

    func isBlocked(_ network: SourceNetwork, now: NIODeadline) -> Bool { self.table.isBlocked(network, now: now) }
  }

  private static func first(_ bound: Int) -> Int { 0 }

  @Test func failuresAddUpToTheMinimum() {
    let table = Self.table()
    let mine = Self.network(1)
    for failure in 0..<2 {
      table.record(.seconds(5), of: mine, now: Self.start, random: Self.first)
      #expect(!table.isBlocked(mine, now: Self.start), "\(failure)")
    }
    table.record(.seconds(5), of: mine, now: Self.start, random: Self.first)
    #expect(table.isBlocked(mine, now: Self.start))
    #expect(!table.isBlocked(Self.network(2), now: Self.start))
    // Shut out until the account has run out, not until it is below the minimum again.
    #expect(table.isBlocked(mine, now: Self.at(14)))
    #expect(!table.isBlocked(mine, now: Self.at(15)))
    #expect(table.count == 0)
    table.record(.seconds(5), of: mine, now: Self.at(16), random: Self.first)
    #expect(!table.isBlocked(mine, now: Self.at(16)))
  }

  @Test func rareFailuresAreForgotten() {
    let table = Self.table()
    for second in stride(from: Int64(0), to: 1_000, by: 5) {
      table.record(.seconds(5), of: Self.network(1), now: Self.at(second), random: Self.first)
      #expect(!table.isBlocked(Self.network(1), now: Self.at(second)))
    }
  }

  @Test func noAccountGrowsBeyondTheMaximum() {
    let table = Self.table()
    for _ in 0..<1_000 { table.record(.seconds(10), of: Self.network(1), now: Self.start, random: Self.first) }
    #expect(table.isBlocked(Self.network(1), now: Self.at(599)))
    #expect(!table.isBlocked(Self.network(1), now: Self.at(600)))
  }

  @Test func nothingIsKeptForAPenaltyOfNothing() {
    let table = Self.table()
    table.record(.zero, of: Self.network(1), now: Self.start, random: Self.first)
    #expect(table.count == 0)
  }

  /// A hundred thousand addresses with one small failure each: the table stays as large as it is, and an address that is
  /// shut out stays so.
  @Test func aFloodOfAddressesNeitherGrowsTheTableNorFreesAnybody() {
    let table = Self.table(capacity: 64)
    var random = SeededGenerator(seed: 7)
    let shutOut = (1...8).map(Self.network)
    for network in shutOut { table.record(.seconds(60), of: network, now: Self.start, random: Self.first) }
    for number in 100..<100_100 {
      table.record(.seconds(1), of: Self.network(number), now: Self.start) { Int.random(in: 0..<$0, using: &random) }
      #expect(table.count <= 64)
    }
    for network in shutOut { #expect(table.isBlocked(network, now: Self.at(59))) }
  }

  /// What runs out later takes the place of what runs out earlier.
  @Test func aGraveFailureFindsRoom() {
    let table = Self.table(capacity: 16)
    var random = SeededGenerator(seed: 8)
    for number in 0..<16 { table.record(.seconds(1), of: Self.network(number), now: Self.start, random: Self.first) }
    table.record(.seconds(20), of: Self.network(99), now: Self.start) { Int.random(in: 0..<$0, using: &random) }
    #expect(table.isBlocked(Self.network(99), now: Self.start))
    #expect(table.count == 16)
  }

  /// Where everybody in the table is shut out for longer, a small failure is not entered.
  @Test func smallFailuresDoNotFreeAnybody() {
    let table = Self.table(capacity: 16)
    for number in 0..<16 { table.record(.seconds(60), of: Self.network(number), now: Self.start, random: Self.first) }
    for number in 100..<200 {
      table.record(.seconds(20), of: Self.network(number), now: Self.start, random: Self.first)
      #expect(!table.isBlocked(Self.network(number), now: Self.start))
    }
    for number in 0..<16 { #expect(table.isBlocked(Self.network(number), now: Self.start)) }
    // Those that have run out make room.
    table.record(.seconds(20), of: Self.network(99), now: Self.at(60), random: Self.first)
    #expect(table.isBlocked(Self.network(99), now: Self.at(60)) && table.count == 16)
  }

  /// Of those drawn, it is the one that runs out first that makes room.
  @Test func theSmallestOfThoseDrawnMakesRoom() {
    let table = Self.table(capacity: 16)
    for number in 0..<16 {
      let penalty: TimeAmount = number == PenaltyTable.drawn - 1 ? .seconds(15) : .seconds(20)
      table.record(penalty, of: Self.network(number), now: Self.start, random: Self.first)
    }
    var next = 0
    table.record(.seconds(20), of: Self.network(99), now: Self.start) { _ in
      defer { next += 1 }
      return next
    }
    for number in 0..<16 {
      #expect(table.isBlocked(Self.network(number), now: Self.start) == (number != PenaltyTable.drawn - 1))
    }
    #expect(table.isBlocked(Self.network(99), now: Self.start))
  }

  @Test func theTimesAreThoseOfTheSettings() throws {
    let now = Mutex(Self.start)
    let clock: @Sendable () -> NIODeadline = { now.withLock { $0 } }
    let exemptAddress = try #require(IPAddress("198.51.100.7"))
    for kind in FailureKind.allCases {
      let settings = Penalties.Settings(
        times: { $0 == kind ? .seconds(77) : .zero }, minimum: .seconds(1), maximum: .seconds(600), addresses: 100,
        isExempt: { $0 == exemptAddress })
      let penalties = Penalties(settings, ipv6Prefix: 64, now: clock, random: { _ in 0 })
      let client = try #require(IPAddress("2001:db8::1"))
      now.withLock { $0 = Self.start }
      penalties.record(kind, of: client)
      #expect(penalties.isBlocked(client))
      // The whole network is.
      #expect(penalties.isBlocked(try #require(IPAddress("2001:db8::2"))))
      now.withLock { $0 = Self.at(76) }
      #expect(penalties.isBlocked(client))
      now.withLock { $0 = Self.at(77) }
      #expect(!penalties.isBlocked(client))
      penalties.record(kind, of: exemptAddress)
      #expect(!penalties.isBlocked(exemptAddress) && penalties.count == 0)
    }
  }
}
