import NIOCore
import ProxySession
import SOCKSCore
import Synchronization

/// The sessions that there are, with a way to reach each one, and the ledger of their descriptors.
final class SessionRegistry: Sendable {
  private let table: SessionTable
  private let nextID = Atomic<UInt64>(1)
  /// Counts connections and sockets.
  let ledger: DescriptorLedger

  /// - Parameter random: a number below the one given; chooses the session that is evicted.
  init(
    _ limits: DescriptorLedger.Limits, random: @escaping @Sendable (Int) -> Int = { Int.random(in: 0..<max(1, $0)) }
  ) {
    let table = SessionTable()
    self.table = table
    self.ledger = DescriptorLedger(
      limits, random: random, evict: { table.evict($0) }, onEmpty: { table.connectionsEnded() })
  }

  /// Connections that were accepted, whether or not a session has begun on them.
  var connections: Int { self.ledger.connections }
  /// Sessions that have not written their record.
  var sessions: Int { self.table.sessions }

  func makeID() -> UInt64 { self.nextID.wrappingAdd(1, ordering: .relaxed).oldValue }

  /// - Returns: false when the gateway is stopping and takes no new sessions.
  func add(_ session: NIOLoopBound<Session>, id: UInt64) -> Bool {
    guard self.table.add(session, id: id) else { return false }
    self.ledger.sessionBegan(id)
    return true
  }

  /// The session's client has sent a credential.
  func receivedCredential(id: UInt64) { self.ledger.receivedCredential(id) }

  /// The session's client is known: a descriptor is kept for what it asks for.
  ///
  /// - Returns: why not.
  @discardableResult func authenticated(id: UInt64, owner: DescriptorOwner?) -> SessionEnd? {
    self.ledger.authenticated(id, owner: owner)
  }

  /// Ends one of the sessions whose clients are not known.
  func endUnauthenticated() { self.ledger.evictOne() }

  /// The session has ended, and its record is written.
  func remove(id: UInt64) {
    self.ledger.sessionEnded(id)
    self.table.remove(id: id, connections: self.ledger)
  }

  /// Takes no new sessions from now on; those that do not relay yet end at once.
  func beginDraining() { self.table.beginDraining() }

  /// Ends every session that is left.
  func endAll(_ end: SessionEnd) { self.table.endAll(end) }

  /// Returns when no connection is left, and every record is written.
  func waitUntilEmpty() async { await self.table.waitUntilEmpty(self.ledger) }
}

/// The sessions by their numbers.
private final class SessionTable: Sendable {
  private struct State {
    var sessions: [UInt64: NIOLoopBound<Session>] = [:]
    var isDraining = false
    var waitingForEnd: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  var sessions: Int { self.state.withLock { $0.sessions.count } }

  func add(_ session: NIOLoopBound<Session>, id: UInt64) -> Bool {
    self.state.withLock { state in
      guard !state.isDraining else { return false }
      state.sessions[id] = session
      return true
    }
  }

  func evict(_ id: UInt64) {
    guard let session = self.state.withLock({ $0.sessions[id] }) else { return }
    self.each(of: [session]) { $0.end(SessionEnd(.evicted)) }
  }

  func beginDraining() {
    let sessions = self.state.withLock { state in
      state.isDraining = true
      return Array(state.sessions.values)
    }
    self.each(of: sessions) { $0.drain() }
  }

  func endAll(_ end: SessionEnd) {
    let sessions = self.state.withLock { Array($0.sessions.values) }
    self.each(of: sessions) { $0.end(end) }
  }

  // MARK: The end

  // A connection is gone when its session has reported it, too: the two reports come in no fixed order.

  func remove(id: UInt64, connections ledger: DescriptorLedger) {
    let ended = self.state.withLock { state in
      state.sessions.removeValue(forKey: id)
      // The ledger never calls here with its lock held.
      guard state.sessions.isEmpty, !state.waitingForEnd.isEmpty, ledger.connections == 0 else {
        return [] as [CheckedContinuation<Void, Never>]
      }
      return Self.takeWaiting(&state)
    }
    for continuation in ended { continuation.resume() }
  }

  func connectionsEnded() {
    let ended = self.state.withLock { $0.sessions.isEmpty ? Self.takeWaiting(&$0) : [] }
    for continuation in ended { continuation.resume() }
  }

  func waitUntilEmpty(_ ledger: DescriptorLedger) async {
    await withCheckedContinuation { continuation in
      let isEmpty = self.state.withLock { state in
        guard !state.sessions.isEmpty || ledger.connections > 0 else { return true }
        state.waitingForEnd.append(continuation)
        return false
      }
      if isEmpty { continuation.resume() }
    }
  }

  private static func takeWaiting(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
    defer { state.waitingForEnd = [] }
    return state.waitingForEnd
  }

  private func each(of sessions: [NIOLoopBound<Session>], _ body: @escaping @Sendable (Session) -> Void) {
    for session in sessions { session.eventLoop.execute { body(session.value) } }
  }
}
