public import NIOCore
import Synchronization

/// Counts every descriptor of a program's sessions: the connections that were accepted, the sockets that sessions have
/// open, and the one socket that each authenticated session was promised. There is no second count of any of them.
///
/// Three uses have their place, in this order: a session's promised socket, which is granted; further sockets; and clients
/// that have not authenticated. A part of the descriptors is kept for the last (``Limits/loginReserve``), so that
/// sessions cannot use up what a login needs; beyond it sessions come first, and a client that has not authenticated is
/// evicted for them, as it is for the next client: one that has sent no credential, as long as there is one. So accepting
/// waits only where nobody can be evicted.
///
/// No owner uses up what sessions may have. One that holds something gets more while that is at most
/// ``Limits/share`` times what is free (a dynamic threshold, as switches share their buffers by), and leaves
/// ``Limits/newOwnerReserve`` to the first sessions of others.
///
/// One mutex; a listener with capacity asks without it.
public final class DescriptorLedger: Sendable {
  /// Descriptors by which connections that are being evicted may exceed ``Limits/descriptors``: they are counted until
  /// they have closed. Part of the reserve of ``DescriptorPlan``.
  static let evictionSlack = 16
  /// Of those, what new connections may use: however many come, a login has the rest.
  static let connectionSlack = 8

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

  /// The session's client has sent a credential: sessions without one are evicted first.
  public func receivedCredential(_ id: UInt64) {
    self.change { state in
      state.receivedCredential(id)
      return ((), nil)
    }
  }

  /// The session's client is known: it is promised a socket, unless descriptors are too few. May be called again where it
  /// was not.
  ///
  /// - Parameter owner: whose share it counts for; nil where all sessions are one user's.
  /// - Returns: why it was not promised one.
  @discardableResult public func authenticated(_ id: UInt64, owner: DescriptorOwner? = nil) -> SessionEnd? {
    self.change { state in state.authenticated(id, owner: owner, self.random) }.end
  }

  /// The session has ended. What it has open still counts until it has closed.
  public func sessionEnded(_ id: UInt64) {
    self.change { state in
      state.sessionEnded(id)
      return ((), nil)
    }
  }

  /// Ends one of the sessions that may be evicted.
  public func evictOne() { self.change { state in ((), state.drawn(self.random)) } }

  // MARK: Sockets

  /// Counts a socket of a session until its channel has closed.
  ///
  /// - Throws: ``SessionEnd/Limit/descriptors`` when there are too few descriptors, for all or for this one's owner.
  public func take(for channel: any Channel, of id: UInt64) throws(SessionEnd) {
    if let end = self.takeSocket(of: id).end { throw end }
    channel.closeFuture.whenComplete { _ in self.socketClosed(of: id) }
  }

  func takeSocket(of id: UInt64) -> DescriptorAnswer {
    self.change { state in state.takeSocket(of: id, self.random) }
  }

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
