import NIOCore
import ProxySession
import SOCKSCore
import Synchronization

/// The connections that are there: their number, and a way to reach each one.
final class SessionRegistry: Sendable {
  private struct State {
    var sessions: [UInt64: NIOLoopBound<Session>] = [:]
    /// Those whose clients are not known yet.
    var unauthenticated = IndexedSet<UInt64>()
    var nextID: UInt64 = 1
    /// Accepted, whether or not a session has been made for it yet.
    var connections = 0
    var isDraining = false
    var waitingForRoom: [@Sendable () -> Void] = []
    var waitingForEnd: [CheckedContinuation<Void, Never>] = []

    /// A connection is gone when its session has told of it, too: the two are not told in a fixed order.
    var isEmpty: Bool { self.connections == 0 && self.sessions.isEmpty }

    mutating func takeWaitingForEnd() -> [CheckedContinuation<Void, Never>] {
      guard self.isEmpty else { return [] }
      defer { self.waitingForEnd = [] }
      return self.waitingForEnd
    }
  }

  private let state = Mutex(State())
  /// The cap on connections.
  let limit: Int
  /// The descriptors that there are for connections: one for each, and one for the target of each known client.
  let descriptors: Int

  init(limit: Int, descriptors: Int = .max) {
    self.limit = limit
    self.descriptors = descriptors
  }

  var connections: Int { self.state.withLock { $0.connections } }
  /// Sessions that have not written their record.
  var sessions: Int { self.state.withLock { $0.sessions.count } }

  /// A connection has been accepted: takes room for it.
  ///
  /// - Returns: false when there is none.
  func takeRoom() -> Bool {
    self.state.withLock { state in
      guard self.hasRoom(state) else { return false }
      state.connections += 1
      return true
    }
  }

  /// A connection has been closed.
  func closed() {
    let (resume, ended) = self.state.withLock { state in
      state.connections -= 1
      let resume = self.hasRoom(state) ? state.waitingForRoom : []
      if !resume.isEmpty { state.waitingForRoom = [] }
      return (resume, state.takeWaitingForEnd())
    }
    for call in resume { call() }
    for continuation in ended { continuation.resume() }
  }

  /// Asks for room for one more connection.
  ///
  /// - Returns: true when there is room now; else `notify` is called, once, when there is.
  func hasRoom(orNotify notify: @escaping @Sendable () -> Void) -> Bool {
    self.state.withLock { state in
      if self.hasRoom(state) { return true }
      state.waitingForRoom.append(notify)
      return false
    }
  }

  private func hasRoom(_ state: State) -> Bool {
    let known = state.sessions.count - state.unauthenticated.count
    // One for the connection, and one for the target that it may get.
    return state.connections < self.limit && state.connections + known + 1 < self.descriptors
  }

  func makeID() -> UInt64 {
    self.state.withLock { state in
      defer { state.nextID += 1 }
      return state.nextID
    }
  }

  /// - Returns: false when the gateway is stopping and takes no new sessions.
  func add(_ session: NIOLoopBound<Session>, id: UInt64) -> Bool {
    self.state.withLock { state in
      guard !state.isDraining else { return false }
      state.sessions[id] = session
      state.unauthenticated.insert(id)
      return true
    }
  }

  /// The session's client is known.
  func authenticated(id: UInt64) { self.state.withLock { $0.unauthenticated.remove(id) } }

  /// Ends one session by chance, of those whose clients are not known.
  ///
  /// - Parameter random: a number below the one given.
  func endUnauthenticated(_ random: @Sendable (Int) -> Int) {
    let session = self.state.withLock { state in
      let id = state.unauthenticated.drawn(random)
      id.map { state.unauthenticated.remove($0) }
      return id.flatMap { state.sessions[$0] }
    }
    guard let session else { return }
    self.each(of: [session]) { $0.end(SessionEnd(.evicted)) }
  }

  /// The session has ended, and its record is written.
  func remove(id: UInt64) {
    let ended = self.state.withLock { state in
      state.sessions.removeValue(forKey: id)
      state.unauthenticated.remove(id)
      return state.takeWaitingForEnd()
    }
    for continuation in ended { continuation.resume() }
  }

  /// Takes no new sessions from now on; those that do not relay yet end at once.
  func beginDraining() {
    let sessions = self.state.withLock { state in
      state.isDraining = true
      return Array(state.sessions.values)
    }
    self.each(of: sessions) { $0.drain() }
  }

  /// Ends every session that is left.
  func endAll(_ end: SessionEnd) {
    let sessions = self.state.withLock { Array($0.sessions.values) }
    self.each(of: sessions) { $0.end(end) }
  }

  /// Returns when no connection is left, and every record is written.
  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = self.state.withLock { state in
        if !state.isEmpty { state.waitingForEnd.append(continuation) }
        return state.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }

  private func each(of sessions: [NIOLoopBound<Session>], _ body: @escaping @Sendable (Session) -> Void) {
    for session in sessions { session.eventLoop.execute { body(session.value) } }
  }
}
