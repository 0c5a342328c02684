import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSServer

@Suite struct LookupTurnsTests {
  private static let (alice, bob): (Identity, Identity) = {
    let names = ["alice@GARTER.TEST", "bob@GARTER.TEST"].map { Principal($0).map(Identity.init) ?? .anonymous }
    return (names[0], names[1])
  }()

  /// Lookups that say when they begin, and whether they are wanted.
  private final class Lookups: Sendable {
    private let state = Mutex((begun: [Int](), unwanted: Set<Int>()))

    var begun: [Int] { self.state.withLock { $0.begun } }
    func giveUp(_ number: Int) { self.state.withLock { _ = $0.unwanted.insert(number) } }
    func lookup(_ number: Int) -> LookupTurns.Lookup {
      LookupTurns.Lookup(isWanted: { self.state.withLock { !$0.unwanted.contains(number) } }) {
        self.state.withLock { $0.begun.append(number) }
      }
    }
  }

  @Test func oneUsersLookupsWaitForEachOther() {
    let turns = LookupTurns(share: 2, limit: 3, limitPerPrincipal: 3)
    let lookups = Lookups()
    func take(_ number: Int, _ identity: Identity?) -> Bool {
      turns.take(identity, lookups.lookup(number)) != .refused
    }
    for number in 0..<5 { #expect(take(number, Self.alice)) }
    #expect(!take(5, Self.alice))
    #expect(lookups.begun == [0, 1])
    // Others are not held up, whether or not anybody may wait.
    #expect(take(6, Self.bob) && take(7, Self.bob) && take(8, nil))
    #expect(!take(9, Self.bob))
    #expect(lookups.begun == [0, 1, 6, 7, 8])
    turns.end(Self.alice)
    turns.end(nil)
    #expect(lookups.begun == [0, 1, 6, 7, 8, 2])
    for _ in 0..<4 { turns.end(Self.alice) }
    #expect(lookups.begun == [0, 1, 6, 7, 8, 2, 3, 4])
    for _ in 0..<2 { turns.end(Self.bob) }
    #expect(turns.count == 0)
  }

  /// Sixteen associations of one user, with as many names each as may wait: the others' names still find a place.
  @Test func oneUserDoesNotFillTheQueue() {
    let limits = Configuration.Limits()
    let turns = LookupTurns(share: 4, limit: limits.lookups, limitPerPrincipal: limits.lookupsPerPrincipal)
    let lookups = Lookups()
    let places = (0..<16 * 64).map { turns.take(Self.alice, lookups.lookup($0)) }
    #expect(places.count { $0 == .refused } == 16 * 64 - 4 - limits.lookups / 4)
    #expect((0..<5).allSatisfy { turns.take(Self.bob, lookups.lookup($0)) != .refused })
  }

  /// A user's name in another case is the same user's, as in Active Directory.
  @Test func anotherSpellingIsNotAnotherShare() throws {
    let turns = LookupTurns(share: 1, limit: 10, limitPerPrincipal: 1)
    let lookups = Lookups()
    let other = Identity(try #require(Principal("ALICE@garter.test")))
    #expect(turns.take(Self.alice, lookups.lookup(0)) == .begun)
    #expect(turns.take(other, lookups.lookup(1)) != .begun)
    #expect(turns.take(Self.alice, lookups.lookup(2)) == .refused)
  }

  /// With its client gone a name gives its place back at once.
  @Test func whatNobodyWantsMakesNobodyWait() {
    let turns = LookupTurns(share: 1, limit: 4, limitPerPrincipal: 4)
    let lookups = Lookups()
    for number in 0..<100_000 {
      switch turns.take(Self.alice, lookups.lookup(number)) {
      case .begun: #expect(number == 0)
      case .waiting(let place):
        turns.cancel(Self.alice, place)
        turns.cancel(Self.alice, place)
      case .refused: Issue.record("\(number) has no place")
      }
    }
    #expect(turns.waitingCount == 0 && lookups.begun == [0])
    turns.end(Self.alice)
    #expect(turns.count == 0)
  }

  /// However many they are, passing them over takes no more of the stack.
  @Test func manyThatNobodyWantsArePassedOver() {
    let count = 200_000
    let turns = LookupTurns(share: 1, limit: count, limitPerPrincipal: count)
    let lookups = Lookups()
    for number in 0..<count { _ = turns.take(Self.alice, lookups.lookup(number)) }
    for number in 1..<count - 1 { lookups.giveUp(number) }
    turns.end(Self.alice)
    #expect(lookups.begun == [0, count - 1])
    turns.end(Self.alice)
    #expect(turns.count == 0 && turns.waitingCount == 0)
  }
}
