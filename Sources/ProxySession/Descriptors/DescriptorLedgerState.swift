/// The arithmetic of a ``DescriptorLedger``: a value, without locks and channels.
struct DescriptorLedgerState: Sendable {
  private struct Account {
    var isOpen = true
    var isPromised = false
    var sockets = 0

    /// What it has open, or was promised.
    var committed: Int { max(self.isPromised ? 1 : 0, self.sockets) }
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
  /// One for each session that runs or has something open.
  private var accounts: [UInt64: Account] = [:]
  /// Sessions without a promise, which have not been evicted.
  private var evictable = IndexedSet<UInt64>()
  /// At most one for each listener.
  var waiting: [@Sendable () -> Void] = []

  init(_ limits: DescriptorLedger.Limits) { self.limits = limits }

  /// Descriptors that are open.
  var open: Int { self.connections + self.sockets }
  var sessions: Int { self.accounts.count }
  var evictableSessions: Int { self.evictable.count }

  private var isFull: Bool { self.connections + self.committed + self.limits.perConnection > self.limits.descriptors }
  private var hasSlack: Bool { self.open < self.limits.descriptors + DescriptorLedger.evictionSlack }

  /// Whether one more connection may come, if another one has to go for it.
  var hasCapacity: Bool {
    self.connections < self.limits.connections && (!self.isFull || self.evictable.count > 0 && self.hasSlack)
  }

  // MARK: Connections

  mutating func takeConnection(_ random: (Int) -> Int) -> (Bool, evicted: UInt64?) {
    guard self.hasCapacity else { return (false, nil) }
    let evicted = self.isFull ? self.drawn(random) : nil
    self.connections += 1
    return (true, evicted)
  }

  /// One that may be evicted; it is drawn once.
  mutating func drawn(_ random: (Int) -> Int) -> UInt64? {
    let id = self.evictable.drawn(random)
    if let id { self.evictable.remove(id) }
    return id
  }

  // MARK: Sessions

  mutating func sessionBegan(_ id: UInt64) {
    guard self.accounts[id] == nil else { return }
    self.accounts[id] = Account()
    self.evictable.insert(id)
  }

  mutating func authenticated(_ id: UInt64, _ random: (Int) -> Int) -> (Bool, evicted: UInt64?) {
    guard var account = self.accounts[id], account.isOpen, !account.isPromised else { return (false, nil) }
    let before = account.committed
    account.isPromised = true
    let more = account.committed - before
    guard self.promised + 1 + self.committed + more + self.limits.loginReserve <= self.limits.descriptors else {
      return (false, nil)
    }
    self.evictable.remove(id)
    self.accounts[id] = account
    self.promised += 1
    self.committed += more
    return (true, self.drawnIfOver(random))
  }

  mutating func sessionEnded(_ id: UInt64) {
    self.evictable.remove(id)
    guard var account = self.accounts[id], account.isOpen else { return }
    let before = account.committed
    if account.isPromised { self.promised -= 1 }
    account.isOpen = false
    account.isPromised = false
    self.committed -= before - account.committed
    self.accounts[id] = account.sockets > 0 ? account : nil
  }

  // MARK: Sockets

  mutating func takeSocket(of id: UInt64, _ random: (Int) -> Int) -> (Bool, evicted: UInt64?) {
    // A session that has ended may have something under way.
    var account = self.accounts[id] ?? Account(isOpen: false)
    let before = account.committed
    account.sockets += 1
    let more = account.committed - before
    guard self.hasSlack, more == 0 || self.allows(account) else { return (false, nil) }
    self.accounts[id] = account
    self.sockets += 1
    self.committed += more
    // For one that was promised, that was done with the promise.
    return (true, more > 0 ? self.drawnIfOver(random) : nil)
  }

  /// Whether a session may have a socket that it was not promised: what logins need is not touched, and by further ones
  /// not what the next sessions' first ones need.
  private func allows(_ account: Account) -> Bool {
    let connections = self.promised + (account.isPromised ? 0 : 1)
    let kept = self.limits.loginReserve + (account.sockets > 1 ? self.limits.firstSocketReserve : 0)
    return connections + self.committed + 1 + kept <= self.limits.descriptors
  }

  mutating func socketClosed(of id: UInt64) {
    guard var account = self.accounts[id], account.sockets > 0 else { return }
    let before = account.committed
    account.sockets -= 1
    self.sockets -= 1
    self.committed -= before - account.committed
    self.accounts[id] = account.isOpen || account.sockets > 0 ? account : nil
  }

  /// Sessions come before clients that have not authenticated: one of those goes, where together they are too many.
  private mutating func drawnIfOver(_ random: (Int) -> Int) -> UInt64? {
    self.connections + self.committed > self.limits.descriptors ? self.drawn(random) : nil
  }
}
