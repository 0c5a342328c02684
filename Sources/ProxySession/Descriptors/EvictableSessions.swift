/// The sessions that may be evicted: those without a promised descriptor. Every operation takes constant time.
struct EvictableSessions: Sendable {
  /// In the order in which they are evicted.
  enum Stage: Sendable, CaseIterable {
    /// Has sent no credential.
    case silent
    /// Has authenticated, and cannot be served.
    case refused
    /// Has sent a credential, and has not finished.
    case authenticating
  }

  private var silent = IndexedSet<UInt64>()
  private var refused = IndexedSet<UInt64>()
  private var authenticating = IndexedSet<UInt64>()

  var count: Int { self.silent.count + self.refused.count + self.authenticating.count }

  mutating func insert(_ id: UInt64) { self.silent.insert(id) }

  /// A session that is evicted already, or may not be, stays so.
  mutating func move(_ id: UInt64, to stage: Stage) {
    guard self.remove(id) else { return }
    switch stage {
    case .silent: self.silent.insert(id)
    case .refused: self.refused.insert(id)
    case .authenticating: self.authenticating.insert(id)
    }
  }

  /// - Returns: whether it was there.
  @discardableResult mutating func remove(_ id: UInt64) -> Bool {
    self.silent.remove(id) || self.refused.remove(id) || self.authenticating.remove(id)
  }

  /// Takes one out: of those that go first, any.
  ///
  /// - Parameter random: a number below the one given.
  mutating func draw(_ random: (Int) -> Int) -> UInt64? {
    let id = self.silent.drawn(random) ?? self.refused.drawn(random) ?? self.authenticating.drawn(random)
    if let id { self.remove(id) }
    return id
  }
}
