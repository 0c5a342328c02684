import NIOCore
import ProxySession
import SOCKSCore
import Synchronization
import SOCKSTestSupport
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

  // MARK: Descriptors

  @Test func theReserveIsTakenFromWhatThereIs() {
    let configuration = GatewayUnderTest.Setting().configuration
    let plan = DescriptorPlan(configuration, available: 100_000, eventLoops: 2)
    #expect(plan.reserve == 80 + 2 + 8 + 8 + 32)
    #expect(plan.usable == 100_000 - plan.reserve)
    #expect(plan.needed == 20_000 + 715 + 128 + plan.reserve)
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
    // One principal alone has seven eighths, and 2,500 sessions at most.
    let sessions = plan.usable - min(128, plan.usable / 16)
    let most = max(1, min(2_500, 7 * sessions / 16), (sessions - 715) / 2)
    #expect(shortage.contains("limits.connections: 10000") && shortage.contains("most \(most);"), "\(shortage)")
  }
}
