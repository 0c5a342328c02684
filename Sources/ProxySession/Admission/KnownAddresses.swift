import NIOCore

/// The addresses from which somebody has authenticated lately: a penalty slows them down, and does not block them.
///
/// Bounded: when it is full, a new address takes the place of the one of a few, drawn at random, that was seen longest ago.
struct KnownAddresses<Network: Hashable> {
  /// How many entries are looked at for one to give up.
  static var drawn: Int { 8 }

  private struct Entry {
    let network: Network
    var seen: NIODeadline
  }

  let lifetime: TimeAmount
  let capacity: Int
  private var entries: [Entry] = []
  private var places: [Network: Int] = [:]

  init(lifetime: TimeAmount, capacity: Int) {
    self.lifetime = lifetime
    self.capacity = max(1, capacity)
  }

  var count: Int { self.entries.count }

  /// Somebody at this address has authenticated.
  ///
  /// - Parameter random: a number below the one given.
  mutating func authenticated(_ network: Network, now: NIODeadline, random: (Int) -> Int) {
    guard self.lifetime > .zero else { return }
    if let place = self.places[network] {
      self.entries[place].seen = now
      return
    }
    let entry = Entry(network: network, seen: now)
    guard self.entries.count >= self.capacity else {
      self.places[network] = self.entries.count
      return self.entries.append(entry)
    }
    var victim = random(self.entries.count)
    for _ in 1..<Self.drawn {
      let other = random(self.entries.count)
      if self.entries[other].seen < self.entries[victim].seen { victim = other }
    }
    self.places[self.entries[victim].network] = nil
    self.entries[victim] = entry
    self.places[network] = victim
  }

  func isKnown(_ network: Network, now: NIODeadline) -> Bool {
    guard let place = self.places[network] else { return false }
    return self.entries[place].seen + self.lifetime > now
  }
}
