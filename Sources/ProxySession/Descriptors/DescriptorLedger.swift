public import NIOCore
import Synchronization

/// Counts every descriptor of a program's sessions: the connections that were accepted, the sockets that sessions have
/// open, and the one socket that each authenticated session was promised. There is no second count of any of them.
///
/// Three uses have their place, in this order: a session's promised socket, which is granted; further sockets; and clients
/// that have not authenticated. A part of the descriptors is kept for the last (``Limits/loginReserve``), so that
/// sessions cannot use up what a login needs; beyond it sessions come first, and a client that has not authenticated is
/// evicted for them, as it is for the next client. So accepting waits only where nobody can be evicted.
///
/// One mutex; a listener with capacity asks without it.
public final class DescriptorLedger: Sendable {
  /// Descriptors by which connections that are being evicted may exceed ``Limits/descriptors``: they are counted until
  /// they have closed. Part of the reserve of ``DescriptorPlan``.
  static let evictionSlack = 16

  private let limits: Limits
  private let random: @Sendable (Int) -> Int
  private let evict: @Sendable (UInt64) -> Void
  private let onEmpty: @Sendable () -> Void
  private let state: Mutex<DescriptorLedgerState>
  /// What the state says, for those who can bear that it is a moment old.
  private let hasCapacity: Atomic<Bool>

  /// - Parameters:
  ///   - random: a number below the one given, which is at least 1.
  ///   - evict: ends the session with this number; it may have ended already. Called on any thread, with no lock held.
  ///   - onEmpty: the last connection has closed. Called on any thread, with no lock held.
  public init(
    _ limits: Limits, random: @escaping @Sendable (Int) -> Int = { Int.random(in: 0..<max(1, $0)) },
    evict: @escaping @Sendable (UInt64) -> Void = { _ in }, onEmpty: @escaping @Sendable () -> Void = {}
  ) {
    let state = DescriptorLedgerState(limits)
    self.limits = limits
    self.random = random
    self.evict = evict
    self.onEmpty = onEmpty
    self.hasCapacity = Atomic(state.hasCapacity)
    self.state = Mutex(state)
  }

  /// Connections that were accepted and have not closed.
  public var connections: Int { self.state.withLock { $0.connections } }
  /// Sockets that sessions have open.
  public var sockets: Int { self.state.withLock { $0.sockets } }

  // MARK: Connections

  /// Asks for capacity for one more connection.
  ///
  /// - Returns: true when there may be some now; else `notify` is called, once, when there is.
  public func mayAccept(orNotify notify: @escaping @Sendable () -> Void) -> Bool {
    if self.hasCapacity.load(ordering: .relaxed) { return true }
    return self.state.withLock { state in
      if state.hasCapacity { return true }
      state.waiting.append(notify)
      return false
    }
  }

  /// A connection has been accepted.
  ///
  /// - Returns: false when there is no capacity for it.
  public func takeConnection() -> Bool { self.change { state in state.takeConnection(self.random) } }

  /// A connection has closed.
  public func connectionClosed() {
    let isEmpty = self.change { state in
      state.connections -= 1
      return (state.connections == 0, nil)
    }
    if isEmpty { self.onEmpty() }
  }

  // MARK: Sessions

  /// A session begins on a connection. Until it is promised a socket it may be evicted.
  ///
  /// - Parameter id: no other session of this ledger has it.
  public func sessionBegan(_ id: UInt64) {
    self.change { state in
      state.sessionBegan(id)
      return ((), nil)
    }
  }

  /// The session's client is known: it is promised a socket, unless descriptors are too few.
  ///
  /// - Returns: whether it was.
  @discardableResult public func authenticated(_ id: UInt64) -> Bool {
    self.change { state in state.authenticated(id, self.random) }
  }

  /// The session has ended. What it has open still counts until it has closed.
  public func sessionEnded(_ id: UInt64) {
    self.change { state in
      state.sessionEnded(id)
      return ((), nil)
    }
  }

  /// Ends one session, drawn at random, of those that may be evicted.
  public func evictOne() { self.change { state in ((), state.drawn(self.random)) } }

  // MARK: Sockets

  /// Counts a socket of a session until its channel has closed.
  ///
  /// - Throws: ``SessionEnd/Limit/descriptors`` when there are too few descriptors.
  public func take(for channel: any Channel, of id: UInt64) throws(SessionEnd) {
    guard self.takeSocket(of: id) else {
      throw SessionEnd(.limit(.descriptors))
    }
    channel.closeFuture.whenComplete { _ in self.socketClosed(of: id) }
  }

  func takeSocket(of id: UInt64) -> Bool { self.change { state in state.takeSocket(of: id, self.random) } }

  func socketClosed(of id: UInt64) {
    self.change { state in
      state.socketClosed(of: id)
      return ((), nil)
    }
  }

  // MARK: Changes

  /// Every change: what follows from it for those who wait, and for the session that it evicts, is done behind the lock.
  @discardableResult private func change<Result: Sendable>(
    _ body: (inout DescriptorLedgerState) -> (Result, evicted: UInt64?)
  ) -> Result {
    let (result, evicted, notified) = self.state.withLock { state in
      let (result, evicted) = body(&state)
      let hasCapacity = state.hasCapacity
      self.hasCapacity.store(hasCapacity, ordering: .relaxed)
      var notified: [@Sendable () -> Void] = []
      if hasCapacity, !state.waiting.isEmpty { swap(&notified, &state.waiting) }
      return (result, evicted, notified)
    }
    if let evicted { self.evict(evicted) }
    for notify in notified { notify() }
    return result
  }

  /// For tests: the counts, and how many wait.
  var snapshot: DescriptorLedgerState { self.state.withLock { $0 } }
}
