public import SOCKSCore

/// The ordered rules of a gateway. Pure: asks nobody, keeps nothing.
///
/// The first rule that covers a request decides it; a request that no rule covers is refused. A request is evaluated once
/// (``evaluate(_:)``). Where no address could make it allowed, that already says so, and nothing is resolved; else a name is
/// resolved once, and of the addresses it gives only those of the evaluation's ``Route`` may be connected to, each under its
/// ``Grant``.
///
/// A rule that allows covers a special address (``SpecialAddress``) only with an address or network inside the special range:
/// `*`, names and wider networks never do. A rule that denies covers whatever it says, special or not, and with an
/// IPv4 network also the IPv6 addresses that carry an address of it (NAT64, 6to4, Teredo and the like).
public struct AccessPolicy: Sendable {
  public let rules: [AccessRule]
  private let index: RuleIndex

  /// The most rules that a configuration may hold.
  public static let maximumRules = 1000

  public init(rules: [AccessRule]) {
    self.rules = rules
    self.index = RuleIndex(rules)
  }

  /// What the rules have to do with a request, whatever it reaches.
  public func evaluate(_ request: AccessRequest) -> AccessEvaluation { AccessEvaluation(request, self.index) }

  /// What the rules say to a request that would reach an address.
  ///
  /// - Parameters:
  ///   - address: The address that will be connected to: one that the name resolved to, or the one asked for.
  ///   - ownListeners: Where the gateway itself listens, by concrete address.
  public func decision(
    for request: AccessRequest, reaching address: IPAddress, ownListeners: Set<ListenerEndpoint> = []
  ) -> AccessDecision {
    self.evaluate(request).decision(reaching: address, ownListeners: ownListeners)
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
  /// A BIND for an address of all zeros accepts any peer: it depends on the peer's address, like a request for a name
  /// that no pattern covers.
  public func preliminaryDecision(
    for request: AccessRequest, ownListeners: Set<ListenerEndpoint> = []
  ) -> PreliminaryDecision {
    let evaluation = self.evaluate(request)
    guard let address = request.address else {
      return evaluation.refusal.map(PreliminaryDecision.refused) ?? .dependsOnAddress
    }
    let decision = evaluation.decision(reaching: address, ownListeners: ownListeners)
    return decision.isAllowed ? .dependsOnAddress : .refused(decision)
  }

  /// Whether the rules may allow a command to somebody for some target. An association is asked for without one: each of
  /// its datagrams has its own.
  func mayAllow(_ command: AccessCommand, to identity: Identity, from client: IPAddress) -> Bool {
    for rule in self.index.rules(about: command, of: identity, from: client).map({ self.rules[$0] }) {
      switch rule.effect {
      case .allow: return true
      case .deny:
        guard rule.ports == nil else { continue }
        if rule.targets?.contains(.any) ?? true { return false }
      }
    }
    return false
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
