import SOCKSCore

/// The target of a request at one of its addresses, as rules see it.
struct ReachedTarget {
  let host: SOCKSHost
  let address: IPAddress
  /// The addresses that it carries.
  let carried: [IPAddress]
  private let special: [SpecialAddress.Range]

  init(_ request: AccessRequest, at address: IPAddress, ownListeners: Set<ListenerEndpoint>) {
    self.host = request.host
    self.address = address
    let carried = address.carriedAddresses.map(\.address)
    func isOwn(_ form: IPAddress) -> Bool {
      ownListeners.contains(ListenerEndpoint(address: form, port: request.port))
    }
    var special = SpecialAddress.ranges(of: address)
    if isOwn(address) || carried.contains(where: isOwn) {
      special.insert(SpecialAddress.Range(kind: .ownListener, network: IPNetwork(address)), at: 0)
    }
    self.carried = carried
    self.special = special
  }

  enum Coverage {
    case none
    /// Covered, but the address is special, and no target says that it is meant.
    case unnamed(SpecialAddress)
    case named
  }

  /// What the targets of a rule that allows have to do with it.
  func coverage(by targets: [TargetPattern]) -> Coverage {
    var coverage = Coverage.none
    for pattern in targets where self.isCovered(by: pattern) {
      if self.isNamed(by: pattern) { return .named }
      if let kind = self.special.first?.kind { coverage = .unnamed(kind) }
    }
    return coverage
  }

  /// Whether a target of a rule that denies covers it.
  func isDenied(by pattern: TargetPattern) -> Bool {
    guard case .network(let network) = pattern else { return self.isCovered(by: pattern) }
    return network.contains(self.address) || self.carried.contains { network.contains($0) }
  }

  /// Whether a pattern covers it, leaving aside whether it is special.
  private func isCovered(by pattern: TargetPattern) -> Bool {
    switch pattern {
    case .any: return true
    case .network(let network): return network.contains(self.address)
    case .name(let pattern):
      guard case .name(let name) = self.host else { return false }
      return pattern.matches(name)
    }
  }

  /// Whether a pattern that covers it says so on purpose: the pattern lies inside each special range that it is in.
  private func isNamed(by pattern: TargetPattern) -> Bool {
    switch pattern {
    case .any, .name: self.special.isEmpty
    case .network(let network): self.special.allSatisfy { $0.network.contains(network) }
    }
  }
}
