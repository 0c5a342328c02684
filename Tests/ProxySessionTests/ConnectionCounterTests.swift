import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import ProxySession

@Suite struct ConnectionCounterTests {
  private static func counter(
    all: Int = 1000, unauthenticated: Int = 1000, drop: (Int, Int, Int) = (1000, 30, 1000)
  ) throws -> ConnectionCounter {
    ConnectionCounter(
      AdmissionLimits(
        connectionsPerAddress: all, unauthenticatedPerAddress: unauthenticated,
        earlyDrop: try #require(EarlyDrop(start: drop.0, rate: drop.1, full: drop.2)), ipv6Prefix: 64))
  }

  private static func network(_ text: String, prefix: Int = 64) throws -> SourceNetwork {
    SourceNetwork(of: try #require(IPAddress(text)), ipv6Prefix: prefix)
  }

  private static func never(_ bound: Int) -> Int { bound - 1 }
  private static func always(_ bound: Int) -> Int { 0 }

  @Test func anAddressHasSoManyConnections() throws {
    var counter = try Self.counter(all: 2)
    let (mine, other) = (try Self.network("192.0.2.1"), try Self.network("192.0.2.2"))
    for _ in 0..<2 {
      #expect(counter.arrived(from: mine, random: Self.never) == .admitted)
      counter.authenticated(from: mine)
    }
    #expect(counter.arrived(from: mine, random: Self.never) == .refused(.connectionsPerAddress))
    #expect(counter.arrived(from: other, random: Self.never) == .admitted)
    counter.left(mine, wasAuthenticated: true)
    #expect(counter.arrived(from: mine, random: Self.never) == .admitted)
  }

  @Test func anAddressHasSoManyThatHaveNotAuthenticated() throws {
    var counter = try Self.counter(unauthenticated: 2)
    let mine = try Self.network("192.0.2.1")
    for _ in 0..<2 { #expect(counter.arrived(from: mine, random: Self.never) == .admitted) }
    #expect(counter.arrived(from: mine, random: Self.never) == .refused(.unauthenticatedPerAddress))
    counter.authenticated(from: mine)
    #expect(counter.arrived(from: mine, random: Self.never) == .admitted)
    counter.left(mine, wasAuthenticated: false)
    #expect(counter.arrived(from: mine, random: Self.never) == .admitted)
    #expect(counter.unauthenticated == 2)
  }

  @Test func addressesOfOneNetworkCountTogether() throws {
    #expect(try Self.network("2001:db8::1") == Self.network("2001:db8::ffff:0:0:2"))
    #expect(try Self.network("2001:db8::1") != Self.network("2001:db8:0:1::1"))
    #expect(try Self.network("2001:db8::1", prefix: 128) != Self.network("2001:db8::2", prefix: 128))
    #expect(try Self.network("2001:db8:1::1", prefix: 32) == Self.network("2001:db8:2::1", prefix: 32))
    #expect(try Self.network("::ffff:192.0.2.1") == Self.network("192.0.2.1"))
    #expect(try Self.network("::ffff:192.0.2.1") != Self.network("::ffff:192.0.2.2"))
    #expect(try Self.network("192.0.2.1", prefix: 1) != Self.network("192.0.2.2", prefix: 1))
  }

  /// Between the marks chance decides: with a number below the probability, the connection goes.
  @Test func betweenTheMarksSomeAreDropped() throws {
    var counter = try Self.counter(drop: (2, 30, 12))
    let mine = try Self.network("192.0.2.1")
    for _ in 0..<2 { #expect(counter.arrived(from: mine, random: Self.always) == .admitted) }
    #expect(counter.arrived(from: mine, random: { _ in 29 }) == .refused(.unauthenticated))
    #expect(counter.arrived(from: mine, random: { _ in 30 }) == .admitted)
    // Three now: 37 per cent.
    #expect(counter.arrived(from: mine, random: { _ in 36 }) == .refused(.unauthenticated))
    #expect(counter.arrived(from: mine, random: { _ in 37 }) == .admitted)
    for _ in 4..<12 { #expect(counter.arrived(from: mine, random: Self.never) == .admitted) }
    #expect(counter.arrived(from: mine, random: Self.never) == .refused(.unauthenticated))
    // The authenticated are another matter.
    counter.authenticated(from: mine)
    #expect(counter.arrived(from: mine, random: Self.never) == .admitted)
  }

  @Test func theOnlyOneOfItsAddressComesInForAnother() throws {
    var counter = try Self.counter(drop: (2, 30, 4))
    let (crowd, one) = (try Self.network("192.0.2.1"), try Self.network("192.0.2.2"))
    for _ in 0..<4 { _ = counter.arrived(from: crowd, random: Self.never) }
    #expect(counter.arrived(from: crowd, random: Self.never) == .refused(.unauthenticated))
    #expect(counter.arrived(from: one, random: Self.never) == .admittedForAnother)
    #expect(counter.arrived(from: one, random: Self.never) == .refused(.unauthenticated))
    counter.left(crowd, wasAuthenticated: false)
    #expect(counter.unauthenticated == 4)
  }

  /// Against a plain count, and nothing stays behind.
  @Test(arguments: 1...20) func countsComeBackToNothing(seed: UInt64) throws {
    var counter = try Self.counter(all: 5, unauthenticated: 3, drop: (10, 30, 20))
    var random = SeededGenerator(seed: seed)
    let networks = try (1...8).map { try Self.network("192.0.2.\($0)") }
    var open: [(network: SourceNetwork, isAuthenticated: Bool)] = []
    for _ in 0..<2_000 {
      let network = networks.randomElement(using: &random) ?? networks[0]
      switch Int.random(in: 0..<3, using: &random) {
      case 0:
        let verdict = counter.arrived(from: network) { Int.random(in: 0..<$0, using: &random) }
        if verdict == .admitted || verdict == .admittedForAnother { open.append((network, false)) }
      case 1:
        guard let index = open.indices.randomElement(using: &random), !open[index].isAuthenticated else { continue }
        counter.authenticated(from: open[index].network)
        open[index].isAuthenticated = true
      default:
        guard let index = open.indices.randomElement(using: &random) else { continue }
        let gone = open.remove(at: index)
        counter.left(gone.network, wasAuthenticated: gone.isAuthenticated)
      }
      #expect(counter.unauthenticated == open.count { !$0.isAuthenticated })
      for network in networks {
        #expect(open.count { $0.network == network } <= 5)
        #expect(open.count { $0.network == network && !$0.isAuthenticated } <= 3)
      }
    }
    for gone in open { counter.left(gone.network, wasAuthenticated: gone.isAuthenticated) }
    #expect(counter.unauthenticated == 0 && counter.addresses == 0)
  }
}
