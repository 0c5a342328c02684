public import SOCKSCore

/// What the rules have to do with one request, found out once: before a name is resolved it says whether any
/// address could make the request allowed, and afterwards which addresses may be reached.
public struct AccessEvaluation: Sendable {
  public let request: AccessRequest
  private let index: RuleIndex
  /// Rules that cover the target whatever its address.
  private let byHost: RuleSet
  /// Rules that may cover it by address.
  private let byNetwork: RuleSet

  init(_ request: AccessRequest, _ index: RuleIndex) {
    self.request = request
    self.index = index
    (self.byHost, self.byNetwork) = index.rules(for: request)
  }

  /// Where the request may lead, of the addresses that its host has.
  ///
  /// - Parameters:
  ///   - addresses: At least one; in the order in which they are to be tried.
  ///   - ownListeners: Where the gateway itself listens, by concrete address: a listener on `0.0.0.0` is among them with
  ///     the addresses that the machine has.
  public func route(to addresses: [IPAddress], ownListeners: Set<ListenerEndpoint>) -> Route {
    var granted: [GrantedAddress] = []
    var refusal: AccessDecision?
    for address in addresses {
      switch self.judge(address, ownListeners) {
      case .granted(let grant): granted.append(GrantedAddress(address, grant))
      case .refused(let decision): if refusal == nil { refusal = decision }
      }
    }
    return granted.isEmpty ? .refused(refusal ?? AccessDecision(.noRule)) : .granted(granted)
  }

  /// What the rules say to one address.
  func decision(reaching address: IPAddress, ownListeners: Set<ListenerEndpoint>) -> AccessDecision {
    switch self.judge(address, ownListeners) {
    case .granted(let grant): AccessDecision(.allowed(by: grant.rule))
    case .refused(let decision): decision
    }
  }

  private enum Judgment {
    case granted(Grant)
    case refused(AccessDecision)
  }

  private func judge(_ address: IPAddress, _ ownListeners: Set<ListenerEndpoint>) -> Judgment {
    guard self.isForHost else { return .refused(AccessDecision(.malformedName)) }
    let target = ReachedTarget(self.request, at: address, ownListeners: ownListeners)
    var candidates = self.index.rules(reaching: address, target.carried)
    candidates.formIntersection(self.byNetwork)
    candidates.formUnion(self.byHost)
    var unnamed: AccessDecision?
    for candidate in candidates {
      let rule = self.index.rules[candidate]
      switch rule.effect {
      case .deny:
        if rule.targets.contains(where: target.isDenied) {
          return .refused(AccessDecision(.denied(by: rule.grant.rule)))
        }
      case .allow:
        switch target.coverage(by: rule.targets) {
        case .named: return .granted(rule.grant)
        case .unnamed(let kind):
          if unnamed == nil { unnamed = AccessDecision(.specialAddress(kind, unnamedBy: rule.grant.rule)) }
        case .none: break
        }
      }
    }
    return .refused(unnamed ?? AccessDecision(.noRule))
  }

  /// The refusal of a request that no address could make allowed: then nothing needs to be resolved.
  public var refusal: AccessDecision? {
    guard self.isForHost else { return AccessDecision(.malformedName) }
    var name: HostName?
    if case .name(let asked) = self.request.host { name = asked }
    func isMatch(_ pattern: NamePattern) -> Bool { name.map(pattern.matches) ?? false }
    var denied: [IPNetwork] = []
    func isDenied(_ network: IPNetwork) -> Bool { denied.contains { $0.contains(network) } }
    var candidates = self.byNetwork
    candidates.formUnion(self.byHost)
    for candidate in candidates {
      let rule = self.index.rules[candidate]
      for target in rule.targets {
        switch (target, rule.effect) {
        case (.any, .allow): return nil
        case (.name(let pattern), .allow): if isMatch(pattern) { return nil }
        case (.network(let network), .allow): if !isDenied(network) { return nil }
        case (.any, .deny): return AccessDecision(.denied(by: rule.grant.rule))
        case (.name(let pattern), .deny): if isMatch(pattern) { return AccessDecision(.denied(by: rule.grant.rule)) }
        case (.network(let network), .deny): denied.append(network)
        }
      }
      if rule.effect == .deny, IPNetwork.everything.allSatisfy(isDenied) {
        return AccessDecision(.denied(by: rule.grant.rule))
      }
    }
    return AccessDecision(.noRule)
  }

  /// What is neither an address nor the name of a host in ASCII, no rule is about.
  private var isForHost: Bool {
    switch self.request.host {
    case .address, .name: true
    case .unconverted, .malformed: false
    }
  }
}

extension IPNetwork {
  /// Both families.
  fileprivate static let everything: [IPNetwork] = [.v4(0), .v6(high: 0, low: 0)].compactMap {
    IPNetwork($0, prefixLength: 0)
  }
}
