import SOCKSCore

/// Which rules have a network that holds an address: one look for each prefix length that occurs.
struct NetworkIndex: Sendable {
  private var rules: [IPNetwork: RuleSet] = [:]
  /// The prefix lengths that occur in each family.
  private var v4: [Int] = []
  private var v6: [Int] = []

  mutating func insert(_ rule: Int, _ network: IPNetwork) {
    if self.rules[network] == nil {
      switch network.address {
      case .v4: if !self.v4.contains(network.prefixLength) { self.v4.append(network.prefixLength) }
      case .v6: if !self.v6.contains(network.prefixLength) { self.v6.append(network.prefixLength) }
      }
    }
    self.rules[network, default: RuleSet()].insert(rule)
  }

  /// Adds the rules to some others.
  func add(holding address: IPAddress, to found: inout RuleSet) {
    let lengths =
      switch address {
      case .v4: self.v4
      case .v6: self.v6
      }
    for length in lengths {
      guard let network = IPNetwork(address, prefixLength: length), let rules = self.rules[network] else { continue }
      found.formUnion(rules)
    }
  }
}
