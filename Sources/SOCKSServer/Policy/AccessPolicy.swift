public import SOCKSCore

/// The ordered rules of a gateway. Pure: asks nobody, keeps nothing.
///
/// The first rule that covers a request decides it; a request that no rule covers is refused. A name is resolved once,
/// and each address it gives is asked for by ``decision(for:reaching:)``; only allowed addresses may be dialled. A request
/// that no address could make allowed is refused by ``preliminaryDecision(for:)``, before anything is resolved.
///
/// A rule that allows covers a special address (``SpecialAddress``) only with an address or network inside the special range:
/// `*`, names and wider networks never do. A rule that denies covers whatever it says, special or not, and with an
/// IPv4 network also the IPv6 addresses that carry an address of it (NAT64, 6to4, Teredo and the like).
public struct AccessPolicy: Hashable, Sendable {
  public let rules: [AccessRule]
  /// Where the gateway itself listens, by concrete address: a listener on `0.0.0.0` stands here with the addresses that
  /// the machine has.
  public var ownListeners: Set<ListenerEndpoint>

  /// The most rules that a configuration may hold.
  public static let maximumRules = 1000

  public init(rules: [AccessRule], ownListeners: Set<ListenerEndpoint> = []) {
    self.rules = rules
    self.ownListeners = ownListeners
  }

  /// What the rules say to a request that would reach an address.
  ///
  /// - Parameter address: The address that will be dialled: one that the name resolved to, or the one asked for.
  public func decision(for request: AccessRequest, reaching address: IPAddress) -> AccessDecision {
    switch request.host {
    case .address, .name: break
    case .unconverted, .malformed: return AccessDecision(.malformedName)
    }
    let target = Target(
      host: request.host, address: address, special: specialRanges(of: address, port: request.port))
    var unnamed: AccessDecision?
    for (index, rule) in rules.enumerated() where rule.concerns(request) {
      let reference = RuleReference(index: index, name: rule.name)
      switch rule.effect {
      case .deny:
        if rule.targets?.contains(where: target.isDenied) ?? true { return AccessDecision(.denied(by: reference)) }
      case .allow:
        let covering = (rule.targets ?? []).filter(target.isCovered)
        if covering.contains(where: target.isNamed) { return AccessDecision(.allowed(by: reference)) }
        if !covering.isEmpty, unnamed == nil, let kind = target.special.first?.kind {
          unnamed = AccessDecision(.specialAddress(kind, unnamedBy: reference))
        }
      }
    }
    return unnamed ?? AccessDecision(.noRule)
  }

  /// What can be said before a name is resolved.
  public enum PreliminaryDecision: Hashable, Sendable {
    /// No address could make this request allowed: resolve nothing.
    case refused(AccessDecision)
    /// It depends on the addresses: ask for each.
    case dependsOnAddress
  }

  /// What can be said before a name is resolved. For an address this is already the whole answer when it is a refusal.
  ///
  /// A BIND for an address of all zeros asks for whoever comes: it depends on the peer's address, like a request for a name
  /// that no pattern covers.
  public func preliminaryDecision(for request: AccessRequest) -> PreliminaryDecision {
    guard !request.isForAnyPeer else { return preliminaryDecision(for: request, name: nil) }
    switch request.host {
    case .address(let address):
      let decision = decision(for: request, reaching: address)
      return decision.isAllowed ? .dependsOnAddress : .refused(decision)
    case .name(let name): return preliminaryDecision(for: request, name: name)
    case .unconverted, .malformed: return .refused(AccessDecision(.malformedName))
    }
  }

  /// Whether some rule allows something to the anonymous: without one, an anonymous client need not be let in at all.
  public var admitsAnonymous: Bool {
    rules.contains { $0.effect == .allow && $0.identities?.contains(.anonymous) == true }
  }
}

/// An address and port on which the gateway listens.
public struct ListenerEndpoint: Hashable, Sendable {
  public let address: IPAddress
  public let port: UInt16

  public init(address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }
}

extension AccessPolicy {
  private func specialRanges(of address: IPAddress, port: UInt16) -> [SpecialAddress.Range] {
    let forms = [address] + address.carriedAddresses.map(\.address)
    let isOwn = forms.contains { ownListeners.contains(ListenerEndpoint(address: $0, port: port)) }
    return (isOwn ? [SpecialAddress.Range(kind: .ownListener, network: IPNetwork(address))] : [])
      + SpecialAddress.ranges(of: address)
  }

  private func preliminaryDecision(for request: AccessRequest, name: HostName?) -> PreliminaryDecision {
    func isMatch(_ pattern: NamePattern) -> Bool { name.map(pattern.matches) ?? false }
    var denied: [IPNetwork] = []
    func isDenied(_ network: IPNetwork) -> Bool { denied.contains { $0.contains(network) } }
    for (index, rule) in rules.enumerated() where rule.concerns(request) {
      switch rule.effect {
      case .deny:
        let targets = rule.targets ?? [.any]
        let refused = PreliminaryDecision.refused(
          AccessDecision(.denied(by: RuleReference(index: index, name: rule.name))))
        for target in targets {
          switch target {
          case .any: return refused
          case .name(let pattern): if isMatch(pattern) { return refused }
          case .network(let network): denied.append(network)
          }
        }
        if IPNetwork.everything.allSatisfy(isDenied) { return refused }
      case .allow:
        let mayAllow = (rule.targets ?? []).contains { target in
          switch target {
          case .any: true
          case .name(let pattern): isMatch(pattern)
          case .network(let network): !isDenied(network)
          }
        }
        if mayAllow { return .dependsOnAddress }
      }
    }
    return .refused(AccessDecision(.noRule))
  }
}

/// A target as rules see it.
private struct Target {
  let host: SOCKSHost
  let address: IPAddress
  let special: [SpecialAddress.Range]

  /// Whether a pattern covers it, leaving aside whether it is special.
  func isCovered(by pattern: TargetPattern) -> Bool {
    switch pattern {
    case .any: return true
    case .network(let network): return network.contains(address)
    case .name(let pattern):
      guard case .name(let name) = host else { return false }
      return pattern.matches(name)
    }
  }

  /// Whether a pattern that covers it says so on purpose: the pattern lies inside each special range that it is in.
  func isNamed(by pattern: TargetPattern) -> Bool {
    switch pattern {
    case .any, .name: special.isEmpty
    case .network(let network): special.allSatisfy { $0.network.contains(network) }
    }
  }

  func isDenied(by pattern: TargetPattern) -> Bool {
    guard case .network(let network) = pattern else { return isCovered(by: pattern) }
    return network.contains(address) || address.carriedAddresses.contains { network.contains($0.address) }
  }
}

extension IPNetwork {
  /// Both families.
  static let everything: [IPNetwork] = [.v4(0), .v6(high: 0, low: 0)].compactMap { IPNetwork($0, prefixLength: 0) }
}
