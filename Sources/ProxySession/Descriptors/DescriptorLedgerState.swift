/// The arithmetic of a ``DescriptorLedger``: a value, without locks and channels.
struct DescriptorLedgerState: Sendable {
  private struct Account {
    var isOpen = true
    /// Known from authentication on; nil where nobody shares.
    var owner: DescriptorOwner?
    var isPromised = false
    var sockets = 0

    /// What it has open, or was promised.
    var committed: Int { max(self.isPromised ? 1 : 0, self.sockets) }
    /// What counts for its owner: the same, with its connection.
    var held: Int { self.owner == nil ? 0 : self.committed + (self.isPromised ? 1 : 0) }
  }

  let limits: DescriptorLedger.Limits
  /// Accepted, whether or not a session has begun on it yet.
  var connections = 0
  /// Sockets that sessions have open.
  private(set) var sockets = 0
  /// The same, with those that were promised and are not open.
  private(set) var committed = 0
  /// Sessions that were promised a socket. Each has a connection, or had one.
  private(set) var promised = 0
  /// What owners hold: an entry for each that holds anything.
  private(set) var held: [DescriptorOwner: Int] = [:]
  /// One for each session that runs or has something open.
  private var accounts: [UInt64: Account] = [:]
  private var evictable = EvictableSessions()
  /// At most one for each listener.
  var waiting: [@Sendable () -> Void] = []

  init(_ limits: DescriptorLedger.Limits) { self.limits = limits }

  /// Descriptors that are open.
  var open: Int { self.connections + self.sockets }
  var sessions: Int { self.accounts.count }
  var evictableSessions: Int { self.evictable.count }

  private var isFull: Bool { self.connections + self.committed + self.limits.perConnection > self.limits.descriptors }

  /// Whether there may be more, open and promised, before those that were evicted have closed.
  private func hasSlack(_ slack: Int, for more: Int) -> Bool {
    self.connections + self.committed + more <= self.limits.descriptors + slack
  }

  /// Whether one more connection may come, if another one has to go for it.
  var hasCapacity: Bool {
    guard self.connections < self.limits.connections else { return false }
    return !self.isFull || self.evictable.count > 0 && self.hasSlack(DescriptorLedger.connectionSlack, for: 1)
  }

  // MARK: Connections

  mutating func takeConnection(_ random: (Int) -> Int) -> (Bool, evicted: UInt64?) {
    guard self.hasCapacity else { return (false, nil) }
    let evicted = self.isFull ? self.drawn(random) : nil
    self.connections += 1
    return (true, evicted)
  }

  /// One that may be evicted; it is drawn once.
  mutating func drawn(_ random: (Int) -> Int) -> UInt64? { self.evictable.draw(random) }

  // MARK: Sessions

  mutating func sessionBegan(_ id: UInt64) {
    guard self.accounts[id] == nil else { return }
    self.accounts[id] = Account()
    self.evictable.insert(id)
  }

  mutating func receivedCredential(_ id: UInt64) { self.evictable.move(id, to: .authenticating) }

  mutating func authenticated(
    _ id: UInt64, owner: DescriptorOwner?, _ random: (Int) -> Int
  ) -> (DescriptorAnswer, evicted: UInt64?) {
    guard let before = self.accounts[id], before.isOpen else { return (.noDescriptors, nil) }
    guard !before.isPromised else { return (.granted, nil) }
    var account = before
    account.owner = before.owner ?? owner
    account.isPromised = true
    let answer = self.answer(to: account, instead: before)
    guard answer == .granted else {
      self.evictable.move(id, to: .refused)
      return (answer, nil)
    }
    self.evictable.remove(id)
    self.set(id, to: account, instead: before)
    return (.granted, self.drawnIfOver(random))
  }

  mutating func sessionEnded(_ id: UInt64) {
    self.evictable.remove(id)
    guard let before = self.accounts[id], before.isOpen else { return }
    var account = before
    account.isOpen = false
    account.isPromised = false
    self.set(id, to: account, instead: before)
  }

  // MARK: Sockets

  mutating func takeSocket(of id: UInt64, _ random: (Int) -> Int) -> (DescriptorAnswer, evicted: UInt64?) {
    // A session that has ended may have something under way.
    let before = self.accounts[id] ?? Account(isOpen: false)
    var account = before
    account.sockets += 1
    // For one that was promised, all was done with the promise.
    let wasPromised = account.committed == before.committed
    let answer = wasPromised ? .granted : self.answer(to: account, instead: before)
    guard answer == .granted else { return (answer, nil) }
    self.set(id, to: account, instead: before)
    return (.granted, wasPromised ? nil : self.drawnIfOver(random))
  }

  mutating func socketClosed(of id: UInt64) {
    guard let before = self.accounts[id], before.sockets > 0 else { return }
    var account = before
    account.sockets -= 1
    self.set(id, to: account, instead: before)
  }

  // MARK: Changes

  /// Whether a session may have more than it was promised: what logins need is not touched, by further sockets not what the
  /// next sessions' first ones need, and by further sessions not what other owners need.
  private func answer(to account: Account, instead before: Account) -> DescriptorAnswer {
    let promised = self.promised + (before.isPromised ? 0 : 1)
    let committed = self.committed + account.committed - before.committed
    let free = self.limits.descriptors - self.limits.loginReserve - promised - committed
    guard self.hasSlack(DescriptorLedger.evictionSlack, for: account.committed - before.committed) else {
      return .noDescriptors
    }
    let held = account.owner.flatMap { self.held[$0] }
    let more = account.held - before.held
    // One session more of an owner that has hardly any takes away nothing worth keeping.
    let isModest = account.owner != nil && (held ?? 0) + more <= DescriptorLedger.Limits.modest
    guard free >= (account.sockets > 1 && !isModest ? self.limits.firstSocketReserve : 0) else { return .noDescriptors }
    // The first session of an owner needs no share.
    guard let owner = account.owner, let held else { return .granted }
    guard free >= self.limits.newOwnerReserve, held + more <= DescriptorLedger.Limits.share * free else {
      return .shareUsedUp(owner)
    }
    return .granted
  }

  private mutating func set(_ id: UInt64, to account: Account, instead before: Account) {
    self.promised += (account.isPromised ? 1 : 0) - (before.isPromised ? 1 : 0)
    self.committed += account.committed - before.committed
    self.sockets += account.sockets - before.sockets
    if let owner = account.owner {
      let held = (self.held[owner] ?? 0) + account.held - before.held
      self.held[owner] = held > 0 ? held : nil
    }
    self.accounts[id] = account.isOpen || account.sockets > 0 ? account : nil
  }

  /// Sessions come before clients that have not authenticated: one of those goes, where together they are too many.
  private mutating func drawnIfOver(_ random: (Int) -> Int) -> UInt64? {
    self.connections + self.committed > self.limits.descriptors ? self.drawn(random) : nil
  }
}
