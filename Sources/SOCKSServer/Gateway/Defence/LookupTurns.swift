import Synchronization

/// Keeps one principal's slow names from taking all the threads that resolve names: of each principal, only so many
/// lookups are with the pool at a time, and the others wait for one of those.
final class LookupTurns: Sendable {
  typealias Turn = @Sendable () -> Void

  private struct Share {
    var running = 0
    var waiting: [Turn] = []
  }

  private struct State {
    var shares: [Identity: Share] = [:]
    var waiting = 0
  }

  private let share: Int
  private let limit: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - share: lookups of one principal at a time.
  ///   - limit: lookups that wait for a turn, of all principals together.
  init(share: Int, limit: Int) {
    self.share = max(1, share)
    self.limit = limit
  }

  /// Calls `turn` now, or when an earlier lookup of the same principal has ended.
  ///
  /// - Returns: false when too many wait; `turn` is not called then.
  func take(_ identity: Identity?, _ turn: @escaping Turn) -> Bool {
    guard let identity else {
      turn()
      return true
    }
    let (isAdmitted, begins) = self.state.withLock { state in
      var share = state.shares[identity] ?? Share()
      defer { state.shares[identity] = share }
      if share.running < self.share {
        share.running += 1
        return (true, true)
      }
      guard state.waiting < self.limit else { return (false, false) }
      state.waiting += 1
      share.waiting.append(turn)
      return (true, false)
    }
    if begins { turn() }
    return isAdmitted
  }

  /// A lookup whose turn it was has ended.
  func end(_ identity: Identity?) {
    guard let identity else { return }
    let next: Turn? = self.state.withLock { state in
      guard var share = state.shares[identity] else { return nil }
      guard !share.waiting.isEmpty else {
        share.running -= 1
        state.shares[identity] = share.running > 0 ? share : nil
        return nil
      }
      state.waiting -= 1
      let next = share.waiting.removeFirst()
      state.shares[identity] = share
      return next
    }
    next?()
  }

  /// Principals with a lookup.
  var count: Int { self.state.withLock { $0.shares.count } }
}
