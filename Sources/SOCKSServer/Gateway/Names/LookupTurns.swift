import NIOCore
import Synchronization

/// Keeps one principal's slow names from taking all the threads that resolve names, and all the places in the queue: of each
/// principal, only so many lookups are with the pool at a time, and only so many wait for one of those to end.
final class LookupTurns: Sendable {
  /// A lookup that may have to wait.
  struct Lookup: Sendable {
    /// Whether anybody still waits for its answer.
    var isWanted: @Sendable () -> Bool
    /// It is its turn. What it begins, or does not begin after all, must be followed by ``LookupTurns/end(_:)``.
    var begin: @Sendable () -> Void
  }

  enum Place: Hashable, Sendable {
    case begun
    /// To be given back with ``LookupTurns/cancel(_:_:)`` when nobody wants it any more.
    case waiting(UInt64)
    case refused
  }

  private struct Share {
    var running = 0
    var waiting: [UInt64: Lookup] = [:]
    /// The order in which they wait; of those that were canceled until the queue is looked through.
    var queue: CircularBuffer<UInt64> = []
  }

  private struct State {
    var shares: [Identity: Share] = [:]
    var waiting = 0
    var lastNumber: UInt64 = 0
  }

  private let share: Int
  private let limit: Int
  private let limitPerPrincipal: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - share: lookups of one principal at a time.
  ///   - limit: lookups that wait for a turn, of all principals together.
  ///   - limitPerPrincipal: the same, of one principal.
  init(share: Int, limit: Int, limitPerPrincipal: Int) {
    self.share = max(1, share)
    self.limit = limit
    self.limitPerPrincipal = limitPerPrincipal
  }

  /// Begins a lookup now, or when an earlier one of the same principal has ended.
  ///
  /// - Parameter identity: nil for somebody who is not limited.
  func take(_ identity: Identity?, _ lookup: Lookup) -> Place {
    let place: Place =
      if let key = identity?.accountKey { self.state.withLock { self.place(lookup, key, &$0) } } else { .begun }
    if place == .begun { lookup.begin() }
    return place
  }

  private func place(_ lookup: Lookup, _ key: Identity, _ state: inout State) -> Place {
    // In place: a copy of a share would cost as much as it is long.
    let (running, waiting) = state.shares[key].map { ($0.running, $0.waiting.count) } ?? (0, 0)
    if running < self.share {
      state.shares[key, default: Share()].running += 1
      return .begun
    }
    guard state.waiting < self.limit, waiting < self.limitPerPrincipal else { return .refused }
    state.waiting += 1
    state.lastNumber += 1
    state.shares[key]?.waiting[state.lastNumber] = lookup
    state.shares[key]?.queue.append(state.lastNumber)
    return .waiting(state.lastNumber)
  }

  /// Nobody wants a lookup that waits: its place is free for another one. Does nothing once its turn has come.
  func cancel(_ identity: Identity?, _ number: UInt64) {
    guard let key = identity?.accountKey else { return }
    self.state.withLock { state in
      guard state.shares[key]?.waiting.removeValue(forKey: number) != nil else { return }
      state.waiting -= 1
      // Often enough that those who are gone are never more than those who wait, and no oftener.
      guard let share = state.shares[key], share.queue.count > 2 * share.waiting.count + 16 else { return }
      state.shares[key]?.queue = CircularBuffer(share.queue.filter { share.waiting[$0] != nil })
    }
  }

  /// A lookup whose turn it was has ended.
  func end(_ identity: Identity?) {
    guard let key = identity?.accountKey else { return }
    self.state.withLock { Self.next(key, &$0) }?.begin()
  }

  /// The next one that somebody wants. Those that nobody does are passed over here: beginning them would come back here.
  private static func next(_ key: Identity, _ state: inout State) -> Lookup? {
    while let number = state.shares[key]?.queue.popFirst() {
      guard let lookup = state.shares[key]?.waiting.removeValue(forKey: number) else { continue }
      state.waiting -= 1
      if lookup.isWanted() { return lookup }
    }
    state.shares[key]?.running -= 1
    if state.shares[key]?.running ?? 0 <= 0 { state.shares[key] = nil }
    return nil
  }

  /// Principals with a lookup.
  var count: Int { self.state.withLock { $0.shares.count } }

  /// Lookups that wait.
  var waitingCount: Int { self.state.withLock { $0.waiting } }
}
