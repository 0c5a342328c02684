import NIOCore
import ProxySession
import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSServer

/// What principals share, and what the process shares.
@Suite struct ShareTests {
  private static let (alice, bob): (Identity, Identity) = {
    let names = ["alice@GARTER.TEST", "bob@GARTER.TEST"].map { Principal($0).map(Identity.init) ?? .anonymous }
    return (names[0], names[1])
  }()

  // MARK: Sessions

  @Test func aPrincipalHasSoManySessions() throws {
    var limits = Configuration.Limits()
    limits.sessionsPerPrincipal = 2
    let accounts = PrincipalAccounts(limits)
    var sessions = [accounts.open(Self.alice, now: .now()), accounts.open(Self.alice, now: .now())]
    #expect(sessions.allSatisfy { $0 != nil })
    #expect(accounts.open(Self.alice, now: .now()) == nil)
    #expect(accounts.open(Self.bob, now: .now()) != nil)
    sessions.removeLast()
    #expect(accounts.open(Self.alice, now: .now()) != nil)
    sessions = []
    #expect(accounts.count == 0)
  }

  @Test func theSessionsOfAPrincipalShareItsBandwidth() throws {
    var limits = Configuration.Limits()
    limits.bandwidthPerPrincipal = try Bandwidth(parsing: "1MiB/s")
    let accounts = PrincipalAccounts(limits)
    let sessions = [Self.alice, Self.alice, Self.bob].map { accounts.open($0, now: .now()) }
    let buckets = try sessions.map { try #require($0?.bucket) }
    #expect(buckets[0] === buckets[1] && buckets[0] !== buckets[2])
    #expect(PrincipalAccounts(Configuration.Limits()).open(Self.alice, now: .now())?.bucket == nil)
  }

  // MARK: Lookups

  @Test func oneUsersLookupsWaitForEachOther() {
    let turns = LookupTurns(share: 2, limit: 3)
    let begun = Mutex<[Int]>([])
    func take(_ number: Int, _ identity: Identity?) -> Bool {
      turns.take(identity) { begun.withLock { $0.append(number) } }
    }
    for number in 0..<5 { #expect(take(number, Self.alice)) }
    #expect(!take(5, Self.alice))
    #expect(begun.withLock { $0 } == [0, 1])
    // Others are not held up, whether or not anybody may wait.
    #expect(take(6, Self.bob) && take(7, Self.bob) && take(8, nil))
    #expect(!take(9, Self.bob))
    #expect(begun.withLock { $0 } == [0, 1, 6, 7, 8])
    turns.end(Self.alice)
    turns.end(nil)
    #expect(begun.withLock { $0 } == [0, 1, 6, 7, 8, 2])
    for _ in 0..<4 { turns.end(Self.alice) }
    #expect(begun.withLock { $0 } == [0, 1, 6, 7, 8, 2, 3, 4])
    for _ in 0..<2 { turns.end(Self.bob) }
    #expect(turns.count == 0)
  }

  // MARK: Descriptors

  @Test func theReserveIsTakenFromWhatThereIs() {
    let configuration = GatewayUnderTest.Setting().configuration
    let plan = DescriptorPlan(configuration, available: 100_000, eventLoops: 2)
    #expect(plan.reserve == 80 + 2 + 8 + 8 + 32)
    #expect(plan.usable == 100_000 - plan.reserve)
    #expect(plan.needed == 20_000 + 128 + plan.reserve)
    #expect(plan.shortage == nil)
    #expect(DescriptorPlan(configuration, available: plan.needed, eventLoops: 2).shortage == nil)
    #expect(DescriptorPlan(configuration, available: plan.needed - 1, eventLoops: 2).shortage != nil)
    #expect(DescriptorPlan(configuration, available: nil, eventLoops: 2).shortage == nil)
  }

  @Test(arguments: [0, 3, 64, 111, 112, 113, 128, 256, 1_024, 20_000])
  func withTooFewTheReserveComesFirst(available: Int) throws {
    let configuration = GatewayUnderTest.Setting().configuration
    let plan = DescriptorPlan(configuration, available: available, eventLoops: 2)
    #expect(plan.usable == max(2, available - plan.reserve))
    let shortage = try #require(plan.shortage)
    #expect(
      shortage.contains("limits.connections: 10000")
        && shortage.contains("most \((plan.usable - min(128, plan.usable / 16)) / 2);"), "\(shortage)")
  }
}
