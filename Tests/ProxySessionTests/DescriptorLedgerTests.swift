import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Synchronization
import Testing

@testable import ProxySession

/// Every descriptor is counted once, and who waits is called when there is capacity.
@Suite struct DescriptorLedgerTests {
  private static func limits(
    connections: Int = 100, descriptors: Int, login: Int = 0, first: Int = 0, owners: Int = 0
  ) -> DescriptorLedger.Limits {
    var limits = DescriptorLedger.Limits(connections: connections, descriptors: descriptors)
    limits.loginReserve = login
    limits.firstSocketReserve = first
    limits.newOwnerReserve = owners
    return limits
  }

  /// A ledger whose evicted sessions, and calls of a listener that waits, are noted.
  private final class Case: Sendable {
    private final class Notes: Sendable {
      let evicted = Mutex<[UInt64]>([])
      let calls = Mutex(0)
    }

    private let notes: Notes
    let ledger: DescriptorLedger

    init(_ limits: DescriptorLedger.Limits) {
      let notes = Notes()
      self.notes = notes
      self.ledger = DescriptorLedger(
        limits, random: { _ in 0 }, evict: { id in notes.evicted.withLock { $0.append(id) } })
    }

    var evictedSessions: [UInt64] { self.notes.evicted.withLock { $0 } }
    var called: Int { self.notes.calls.withLock { $0 } }

    /// A client that has connected.
    func connect(_ id: UInt64) -> Bool {
      guard self.ledger.takeConnection() else { return false }
      self.ledger.sessionBegan(id)
      return true
    }

    @discardableResult func authenticate(_ id: UInt64, _ owner: DescriptorOwner? = nil) -> Bool {
      self.ledger.authenticated(id, owner: owner) == nil
    }

    func takeSocket(of id: UInt64) -> Bool { self.ledger.takeSocket(of: id) == .granted }

    /// As a listener asks.
    func mayAccept() -> Bool { self.ledger.mayAccept(orNotify: { self.notes.calls.withLock { $0 += 1 } }) }
  }

  @Test func theCapOnConnectionsIsExactAndNobodyIsEvictedForIt() {
    let test = Case(Self.limits(connections: 2, descriptors: 100))
    #expect(test.connect(1) && test.connect(2) && !test.connect(3))
    #expect(test.evictedSessions.isEmpty && !test.mayAccept())
    test.ledger.connectionClosed()
    #expect(test.called == 1 && test.ledger.takeConnection())
  }

  /// Associations with three sockets each leave their places to logins, and to the first sockets of others.
  @Test func furtherSocketsLeaveTheReserves() {
    let test = Case(Self.limits(descriptors: 40, login: 5, first: 8))
    var sockets: [Int] = []
    for id in UInt64(1)...20 {
      #expect(test.connect(id))
      test.authenticate(id)
      sockets.append((0..<3).count { _ in test.takeSocket(of: id) })
    }
    // Six with all their sockets are 24 of the 27 for further ones, the seventh has one more; then come those with one, up
    // to 35. The others are answered, and may be evicted for the next.
    #expect(sockets == [3, 3, 3, 3, 3, 3, 2, 1, 1, 1, 1] + Array(repeating: 0, count: 9))
    #expect(test.evictedSessions.count == 4)
    #expect(test.connect(100) && test.evictedSessions.count == 5)
  }

  @Test func aPromiseHolds() {
    let test = Case(Self.limits(descriptors: 8, login: 0))
    #expect(test.connect(1) && test.connect(2))
    #expect(test.authenticate(1) && test.authenticate(2))
    // Four are left, and the other session's is not among them.
    #expect((0..<10).count { _ in test.takeSocket(of: 1) } == 5)
    #expect(!test.takeSocket(of: 1))
    #expect(test.takeSocket(of: 2) && test.ledger.sockets == 6)
  }

  @Test func aSessionComesBeforeThoseWhoHaveNotAuthenticated() {
    let test = Case(Self.limits(descriptors: 6, login: 1))
    for id in UInt64(1)...6 { #expect(test.connect(id)) }
    #expect(test.authenticate(1))
    #expect(test.evictedSessions.count == 1)
    #expect(test.takeSocket(of: 1) && test.takeSocket(of: 1))
    #expect(test.evictedSessions.count == 2 && !test.evictedSessions.contains(1))
    // The next client, too.
    #expect(test.connect(7) && test.evictedSessions.count == 3)
  }

  /// Those that were evicted count until they have closed: there is an end to it.
  @Test func evictionHasABound() {
    let test = Case(Self.limits(descriptors: 4))
    var admitted = 0
    while test.connect(UInt64(admitted + 1)), admitted < 1_000 { admitted += 1 }
    #expect(admitted == 4 + DescriptorLedger.connectionSlack)
    // A login has more.
    #expect(test.authenticate(UInt64(admitted)) && test.takeSocket(of: UInt64(admitted)))
    #expect(!test.mayAccept())
    for _ in 0..<2 { test.ledger.connectionClosed() }
    #expect(test.called == 1)
  }

  /// The kinds of capacity that a waiting listener is called for.
  @Test(arguments: ["connection", "socket", "record", "session"])
  func everyKindOfCapacityWakes(kind: String) {
    let test = Case(Self.limits(descriptors: 4))
    #expect(test.connect(1))
    #expect(test.authenticate(1))
    #expect(test.takeSocket(of: 1) && test.takeSocket(of: 1))
    #expect(test.ledger.takeConnection())
    #expect(!test.mayAccept() && test.called == 0)
    switch kind {
    case "connection": test.ledger.connectionClosed()
    case "socket": test.ledger.socketClosed(of: 1)
    case "record":
      // The relay outlives its connection: what is left is the promise.
      test.ledger.socketClosed(of: 1)
      test.ledger.socketClosed(of: 1)
      #expect(test.called == 1 && test.ledger.takeConnection() && !test.mayAccept())
      test.ledger.sessionEnded(1)
      #expect(test.called == 2)
      return
    default:
      // The connection that has come is one that can be evicted from now on.
      test.ledger.sessionBegan(2)
    }
    #expect(test.called == 1)
  }

  @Test func aSocketCountsUntilItsChannelHasClosed() throws {
    let test = Case(Self.limits(descriptors: 4))
    #expect(test.connect(1))
    test.authenticate(1)
    let session = SessionDescriptors(test.ledger, id: 1)
    let channels = [EmbeddedChannel(), EmbeddedChannel(), EmbeddedChannel(), EmbeddedChannel()]
    for channel in channels.prefix(3) { try session.take(for: channel) }
    #expect(throws: SessionEnd(.limit(.descriptors))) { try session.take(for: channels[3]) }
    // Two of them outlive the session.
    test.ledger.sessionEnded(1)
    test.ledger.connectionClosed()
    #expect(test.ledger.sockets == 3)
    for channel in channels.prefix(3) { _ = try channel.finish() }
    #expect(test.ledger.sockets == 0 && test.ledger.connections == 0 && test.ledger.snapshot.sessions == 0)
  }

  @Test func theLastConnectionIsReported() {
    let count = Counter()
    let ledger = DescriptorLedger(
      Self.limits(descriptors: 10), onEmpty: { count.value.withLock { $0 += 1 } })
    #expect(ledger.takeConnection() && ledger.takeConnection())
    ledger.connectionClosed()
    #expect(count.value.withLock { $0 } == 0)
    ledger.connectionClosed()
    #expect(count.value.withLock { $0 } == 1)
  }

  private final class Counter: Sendable { let value = Mutex(0) }

  // MARK: A model

  /// What one session has, counted anew each time.
  private struct Model {
    struct Session {
      var hasConnection = true
      var isPromised = false
      var hasEnded = false
      var isEvicted = false
      var isSilent = true
      var owner: DescriptorOwner?
      var sockets = 0

      var committed: Int { max(self.sockets, self.isPromised && !self.hasEnded ? 1 : 0) }
      var isEvictable: Bool { !self.isPromised && !self.hasEnded && !self.isEvicted }
    }

    var sessions: [UInt64: Session] = [:]
    /// Connections on which no session has begun.
    var fresh = 0

    var connections: Int { self.fresh + self.sessions.values.count { $0.hasConnection } }
    var sockets: Int { self.sessions.values.reduce(0) { $0 + $1.sockets } }
    var promised: Int { self.sessions.values.count { $0.isPromised && !$0.hasEnded } }
    var committed: Int { self.sessions.values.reduce(0) { $0 + $1.committed } }
    var evictable: Int { self.sessions.values.count { $0.isEvictable } }
    var held: [DescriptorOwner: Int] {
      var held: [DescriptorOwner: Int] = [:]
      for session in self.sessions.values {
        let own = session.committed + (session.isPromised && !session.hasEnded ? 1 : 0)
        if let owner = session.owner, own > 0 { held[owner, default: 0] += own }
      }
      return held
    }
  }

  @Test(arguments: 1...40) func noDescriptorIsLostOrCountedTwice(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limits = Self.limits(
      connections: Int.random(in: 1...60, using: &random), descriptors: Int.random(in: 2...60, using: &random),
      login: Int.random(in: 0...6, using: &random), first: Int.random(in: 0...6, using: &random),
      owners: Int.random(in: 0...6, using: &random))
    let network = SourceNetwork(of: .v4(1), ipv6Prefix: 64)
    let owners: [DescriptorOwner?] = [nil, .account(1), .account(2), .network(network)]
    let test = Case(limits)
    var (model, evicted, next, waits, called) = (Model(), 0, UInt64(1), 0, 0)
    for _ in 0..<3_000 {
      let id = model.sessions.keys.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<9, using: &random) {
      case 0, 1:
        if test.ledger.takeConnection() { model.fresh += 1 }
      case 2 where model.fresh > 0:
        test.ledger.sessionBegan(next)
        model.fresh -= 1
        model.sessions[next] = Model.Session()
        next += 1
      case 3 where model.sessions[id].map { !$0.hasEnded && !$0.isPromised && !$0.isEvicted } == true:
        let owner = owners.randomElement(using: &random) ?? nil
        if test.authenticate(id, owner) {
          model.sessions[id]?.isPromised = true
          model.sessions[id]?.owner = owner
        } else {
          model.sessions[id]?.isSilent = false
        }
      case 4 where model.sessions[id]?.hasEnded == false:
        let before = model.sessions[id]
        if test.takeSocket(of: id) {
          model.sessions[id]?.sockets += 1
        } else {
          // A promise is kept.
          #expect(before?.isPromised == false || before?.sockets != 0)
        }
      case 5 where (model.sessions[id]?.sockets ?? 0) > 0:
        test.ledger.socketClosed(of: id)
        model.sessions[id]?.sockets -= 1
      case 6 where model.sessions[id]?.hasConnection == true:
        test.ledger.connectionClosed()
        model.sessions[id]?.hasConnection = false
      case 7 where model.sessions[id]?.hasConnection == false && model.sessions[id]?.hasEnded == false:
        test.ledger.sessionEnded(id)
        model.sessions[id]?.hasEnded = true
      case 8 where model.sessions[id] != nil:
        test.ledger.receivedCredential(id)
        model.sessions[id]?.isSilent = false
      default: break
      }
      for session in test.evictedSessions.dropFirst(evicted) {
        #expect(model.sessions[session]?.isPromised == false)
        let isSilent = model.sessions[session]?.isSilent == true
        #expect(isSilent || !model.sessions.contains { $0 != session && $1.isEvictable && $1.isSilent })
        model.sessions[session]?.isEvicted = true
        evicted += 1
      }
      model.sessions = model.sessions.filter { !$1.hasEnded || $1.sockets > 0 }
      let state = test.ledger.snapshot
      #expect(state.connections == model.connections && state.sockets == model.sockets)
      #expect(state.promised == model.promised && state.committed == model.committed)
      #expect(state.held == model.held)
      #expect(state.evictableSessions == model.evictable && state.sessions == model.sessions.count)
      #expect(state.open <= limits.descriptors + DescriptorLedger.evictionSlack)
      #expect(state.connections <= limits.connections)
      #expect(
        state.promised == 0 || state.promised + state.committed + limits.loginReserve <= limits.descriptors
          || model.sessions.values.contains { $0.sockets > 0 && ($0.hasEnded || !$0.isPromised) })
      // Whoever waited while there was none has been called as soon as there was.
      if waits > called, state.hasCapacity { #expect(test.called == called + 1) }
      if test.called > called { (called, waits) = (test.called, test.called) }
      if waits == called, !test.mayAccept() { waits += 1 }
      #expect(state.waiting.count <= 1)
    }
  }
}

@Suite struct IndexedSetTests {
  @Test(arguments: 1...10) func aSetGivesEachOfItsElements(seed: UInt64) {
    var (set, model, random) = (IndexedSet<Int>(), Set<Int>(), SeededGenerator(seed: seed))
    for _ in 0..<1_000 {
      let element = Int.random(in: 0..<20, using: &random)
      if Bool.random(using: &random) {
        set.insert(element)
        model.insert(element)
      } else {
        set.remove(element)
        model.remove(element)
      }
      #expect(set.count == model.count)
      #expect(Set((0..<model.count).compactMap { place in set.drawn { _ in place } }) == model)
    }
  }
}
