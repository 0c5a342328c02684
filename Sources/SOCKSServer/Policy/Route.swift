public import SOCKSCore

/// What a rule gives a session that it allows.
public struct Grant: Hashable, Sendable {
  public let rule: RuleReference
  /// Shared by all sessions under the rule. Nil: no limit.
  public let bandwidth: Bandwidth?
  /// How long the session may last. Nil: as long as any.
  public let maximumDuration: Duration?

  public init(rule: RuleReference, bandwidth: Bandwidth? = nil, maximumDuration: Duration? = nil) {
    self.rule = rule
    self.bandwidth = bandwidth
    self.maximumDuration = maximumDuration
  }
}

/// An address that may be reached, and under which rule.
public struct GrantedAddress: Hashable, Sendable {
  public let address: IPAddress
  public let grant: Grant

  public init(_ address: IPAddress, _ grant: Grant) {
    self.address = address
    self.grant = grant
  }
}

/// Where a request may lead.
public enum Route: Hashable, Sendable {
  /// The addresses that may be reached, at least one, in the order in which they were given.
  case granted([GrantedAddress])
  /// None may: what the rules say to the first.
  case refused(AccessDecision)
}
