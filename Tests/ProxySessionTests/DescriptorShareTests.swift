import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import ProxySession

/// No owner takes everything, and clients that are logging in are evicted last.
@Suite struct DescriptorShareTests {
  private static let alice = DescriptorOwner.account(1)
  private static let bob = DescriptorOwner.account(2)

  private static func first(_: Int) -> Int { 0 }

  /// A client that logs in.
  private static func login(_ id: UInt64, _ owner: DescriptorOwner, _ state: inout DescriptorLedgerState) -> Bool {
    guard state.takeConnection(Self.first).0 else { return false }
    state.sessionBegan(id)
    state.receivedCredential(id)
    if state.authenticated(id, owner: owner, Self.first).0 == .granted { return true }
    state.sessionEnded(id)
    state.connections -= 1
    return false
  }

  /// How many sessions with one socket each an owner gets.
  private static func sessions(
    of owner: DescriptorOwner, from id: UInt64, _ state: inout DescriptorLedgerState
  ) -> Int {
    for number in 0... {
      let id = id + UInt64(number)
      guard Self.login(id, owner, &state) else { return number }
      #expect(state.takeSocket(of: id, Self.first).0 == .granted)
    }
    return 0
  }

  /// As a gateway with 600 open files has them: 441 for sessions.
  @Test func aSecondOwnerHasSeveralSessionsAndFurtherOnesHaveOne() {
    var state = DescriptorLedgerState(DescriptorLedger.Limits(connections: 10_000, descriptors: 470))
    #expect(Self.sessions(of: Self.alice, from: 1, &state) == 192)
    #expect(state.held == [Self.alice: 384])
    #expect(Self.sessions(of: Self.bob, from: 1_000, &state) == 14)
    for number in UInt64(3)...16 {
      #expect(Self.sessions(of: .account(number), from: 1_000 * number, &state) == 1)
    }
    #expect(Self.sessions(of: .account(17), from: 17_000, &state) == 0)
    #expect(state.held.count == 16 && state.promised + state.committed == 440)
  }

  @Test func whatIsAnsweredSaysWhoseShareIsUsedUp() {
    var state = DescriptorLedgerState(DescriptorLedger.Limits(connections: 10_000, descriptors: 470))
    let network = DescriptorOwner.network(SourceNetwork(of: .v4(1), ipv6Prefix: 64))
    for (owner, first, words) in [(Self.alice, 1, "the principal's share"), (network, 1_000, "of this network's")] {
      let count = Self.sessions(of: owner, from: UInt64(first), &state)
      #expect(count > 1)
      let id = UInt64(first + 500)
      #expect(state.takeConnection(Self.first).0)
      state.sessionBegan(id)
      let answer = state.authenticated(id, owner: owner, Self.first).0
      #expect(answer == .shareUsedUp(owner))
      #expect(answer.end?.cause == .limit(.descriptors) && answer.end?.replyCode == .generalFailure)
      #expect(answer.end?.detail.contains(words) == true)
      // Once there are some again, it is served, and not evicted any more.
      state.socketClosed(of: UInt64(first))
      state.sessionEnded(UInt64(first))
      #expect(state.authenticated(id, owner: owner, Self.first).0 == .granted)
      #expect(state.evictableSessions == 0)
    }
  }

  /// One user's sessions alone are held to nothing.
  @Test func withoutAnOwnerThereIsNoShare() {
    var limits = DescriptorLedger.Limits(connections: 100, descriptors: 80)
    limits.loginReserve = 0
    var state = DescriptorLedgerState(limits)
    for id in UInt64(1)...40 {
      #expect(state.takeConnection(Self.first).0)
      state.sessionBegan(id)
      #expect(state.authenticated(id, owner: nil, Self.first).0 == .granted)
    }
    #expect(state.held.isEmpty)
  }

  // MARK: Whatever others do

  /// One owner takes and gives back at random, at the limit most of the time; at each step another one would get its part.
  @Test(arguments: 1...20) func theNextOwnerAlwaysHasItsPart(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limits = DescriptorLedger.Limits(connections: 10_000, descriptors: Int.random(in: 100...3_000, using: &random))
    var (state, sockets, next) = (DescriptorLedgerState(limits), [UInt64: Int](), UInt64(1))
    let usable = limits.descriptors - limits.loginReserve
    for step in 0..<4_000 {
      let id = sockets.keys.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<16, using: &random) {
      case 0..<8:
        if Self.login(next, Self.alice, &state) { sockets[next] = 0 }
        next += 1
      case 8..<14 where sockets[id] != nil:
        if state.takeSocket(of: id, Self.first).0 == .granted { sockets[id, default: 0] += 1 }
      case 14 where (sockets[id] ?? 0) > 0:
        state.socketClosed(of: id)
        sockets[id, default: 0] -= 1
      case 15 where sockets[id] != nil && step % 8 == 0:
        for _ in 0..<(sockets.removeValue(forKey: id) ?? 0) { state.socketClosed(of: id) }
        state.sessionEnded(id)
        state.connections -= 1
      default: break
      }
      #expect(state.held[Self.alice] ?? 0 == state.promised + state.committed)
      let free = usable - state.promised - state.committed
      #expect(free >= usable / 8)
      guard step % 40 == 0 else { continue }
      var others = state
      // An association, and sessions with one socket each.
      #expect(Self.login(next, Self.bob, &others))
      for _ in 0..<3 { #expect(others.takeSocket(of: next, Self.first).0 == .granted) }
      let sessions = Self.sessions(of: Self.bob, from: next + 1, &others)
      #expect(sessions >= max(1, min((free - limits.newOwnerReserve) / 2, 7 * free / 16) - 3))
      #expect(Self.sessions(of: .account(3), from: next + 10_000, &others) >= 1)
    }
    for (id, count) in sockets {
      state.sessionEnded(id)
      for _ in 0..<count { state.socketClosed(of: id) }
    }
    #expect(state.held.isEmpty && state.promised == 0 && state.committed == 0 && state.sessions == 0)
  }

  // MARK: Eviction

  /// Who has sent nothing goes first, then who cannot be served, then who is logging in, and nobody who is served.
  @Test(arguments: 1...10) func whoIsLoggingInIsEvictedLast(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var limits = DescriptorLedger.Limits(connections: 10_000, descriptors: 100)
    limits.loginReserve = 40
    var state = DescriptorLedgerState(limits)
    #expect(Self.sessions(of: Self.alice, from: 1_000, &state) == 26)
    // Six of each kind, mixed.
    let kinds = (Array(repeating: 0, count: 6) + Array(repeating: 1, count: 6) + Array(repeating: 2, count: 6))
      .shuffled(using: &random)
    for (id, kind) in kinds.enumerated() {
      #expect(state.takeConnection(Self.first).0)
      state.sessionBegan(UInt64(id))
      if kind > 0 { state.receivedCredential(UInt64(id)) }
      if kind == 1 { #expect(state.authenticated(UInt64(id), owner: Self.alice, Self.first).0 != .granted) }
    }
    var evicted: [Int] = []
    while let id = state.drawn({ Int.random(in: 0..<$0, using: &random) }) { evicted.append(kinds[Int(id)]) }
    #expect(evicted == kinds.sorted())
    // Who was evicted is not evicted again, whatever comes from it in the meantime.
    for id in kinds.indices { state.receivedCredential(UInt64(id)) }
    #expect(state.evictableSessions == 0 && state.drawn(Self.first) == nil)
  }

  /// The next client, a promise and early drop draw from the same.
  @Test(arguments: ["client", "promise", "drop"]) func everyEvictionHasThisOrder(way: String) {
    var state = DescriptorLedgerState(DescriptorLedger.Limits(connections: 100, descriptors: 6))
    for id in UInt64(1)...6 {
      #expect(state.takeConnection(Self.first).0)
      state.sessionBegan(id)
      if id != 5 { state.receivedCredential(id) }
    }
    let evicted: UInt64? =
      switch way {
      case "client": state.takeConnection(Self.first).evicted
      case "promise": state.authenticated(6, owner: Self.alice, Self.first).evicted
      default: state.drawn(Self.first)
      }
    #expect(evicted == 5)
  }
}
