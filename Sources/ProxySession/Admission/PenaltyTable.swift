import NIOCore

/// What addresses owe for their failures: a time on each account, which runs out by itself. From `minimum` on the
/// address is blocked until its account has run out.
///
/// The table holds `capacity` accounts. When it is full, a new one takes the place of one that runs out earlier, out of a
/// few that are drawn at random: many cheap failures from many addresses do not push out an address that is blocked for
/// long, and the table never grows.
struct PenaltyTable {
  private struct Account {
    let network: SourceNetwork
    var end: NIODeadline
    var isBlocked = false
  }

  /// How many accounts are looked at for one to give up.
  static let drawn = 8

  let minimum: TimeAmount
  let maximum: TimeAmount
  let capacity: Int
  private var accounts: [Account] = []
  private var places: [SourceNetwork: Int] = [:]

  init(minimum: TimeAmount, maximum: TimeAmount, capacity: Int) {
    self.minimum = minimum
    self.maximum = max(minimum, maximum)
    self.capacity = max(1, capacity)
  }

  var count: Int { self.accounts.count }

  /// Adds a penalty to an address's account.
  ///
  /// - Parameter random: a number below the one given.
  mutating func record(_ penalty: TimeAmount, of network: SourceNetwork, now: NIODeadline, random: (Int) -> Int) {
    guard penalty > .zero else { return }
    if let place = self.places[network] {
      self.accounts[place] = self.charged(self.accounts[place], penalty, now)
      return
    }
    let account = self.charged(Account(network: network, end: now), penalty, now)
    guard self.accounts.count >= self.capacity else {
      self.places[network] = self.accounts.count
      return self.accounts.append(account)
    }
    var victim = random(self.accounts.count)
    for _ in 1..<Self.drawn {
      let other = random(self.accounts.count)
      if self.accounts[other].end < self.accounts[victim].end { victim = other }
    }
    guard self.accounts[victim].end <= max(now, account.end) else { return }
    self.places[self.accounts[victim].network] = nil
    self.accounts[victim] = account
    self.places[network] = victim
  }

  /// Whether an address is blocked now. An account that has run out is forgotten.
  mutating func isBlocked(_ network: SourceNetwork, now: NIODeadline) -> Bool {
    guard let place = self.places[network] else { return false }
    guard self.accounts[place].end > now else {
      self.forget(place)
      return false
    }
    return self.accounts[place].isBlocked
  }

  private func charged(_ account: Account, _ penalty: TimeAmount, _ now: NIODeadline) -> Account {
    var account = account
    if account.end <= now {
      account.end = now
      account.isBlocked = false
    }
    account.end = min(account.end + penalty, now + self.maximum)
    if account.end - now >= self.minimum { account.isBlocked = true }
    return account
  }

  private mutating func forget(_ place: Int) {
    self.places[self.accounts[place].network] = nil
    let last = self.accounts.removeLast()
    guard place < self.accounts.count else { return }
    self.accounts[place] = last
    self.places[last.network] = place
  }
}
