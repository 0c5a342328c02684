/// Counts connections, in all and before authentication, by where they come from, and says whether one more may come.
struct ConnectionCounter {
  enum Verdict: Hashable {
    case admitted
    /// Instead of some other one that has not authenticated.
    case admittedForAnother
    case refused(AdmissionRefusal)
  }

  private struct Count {
    var all = 0
    var unauthenticated = 0
  }

  let limits: AdmissionLimits

  /// Only those with a connection: never more than there are connections.
  private var counts: [SourceNetwork: Count] = [:]
  private(set) var unauthenticated = 0

  init(_ limits: AdmissionLimits) { self.limits = limits }

  var addresses: Int { self.counts.count }

  /// A connection has come.
  ///
  /// Between the two marks it is dropped at random. But where it is the only one of its address that has not
  /// authenticated, another one goes for it: so those who hold many connections open do not keep out those who need one
  /// for a moment.
  ///
  /// - Parameter random: a number below the one given.
  mutating func arrived(from network: SourceNetwork, random: (Int) -> Int) -> Verdict {
    var count = self.counts[network] ?? Count()
    guard count.all < self.limits.connectionsPerAddress else { return .refused(.connectionsPerAddress) }
    guard count.unauthenticated < self.limits.unauthenticatedPerAddress else {
      return .refused(.unauthenticatedPerAddress)
    }
    let isDropped = random(100) < self.limits.earlyDrop.probability(at: self.unauthenticated)
    if isDropped, count.unauthenticated > 0 { return .refused(.unauthenticated) }
    count.all += 1
    count.unauthenticated += 1
    self.counts[network] = count
    self.unauthenticated += 1
    return isDropped ? .admittedForAnother : .admitted
  }

  mutating func authenticated(from network: SourceNetwork) {
    self.counts[network]?.unauthenticated -= 1
    self.unauthenticated -= 1
  }

  mutating func left(_ network: SourceNetwork, wasAuthenticated: Bool) {
    if !wasAuthenticated { self.authenticated(from: network) }
    guard var count = self.counts[network] else { return }
    count.all -= 1
    self.counts[network] = count.all > 0 ? count : nil
  }
}
