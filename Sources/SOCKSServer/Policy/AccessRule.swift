import SOCKSCore

/// One rule: for whom, from where, to where, and what then.
public struct AccessRule: Hashable, Sendable {
  public var effect: Effect
  public var commands: Set<AccessCommand>
  /// `nil`: everybody, the anonymous as well. Only rules that deny may be so.
  public var identities: [IdentityPattern]?
  /// `nil`: every target. Only rules that deny may be so.
  public var targets: [TargetPattern]?
  /// `nil`: every port.
  public var ports: [PortRange]?
  /// The networks that clients come from. `nil`: every one.
  public var clients: [IPNetwork]?
  /// For logs.
  public var name: String?
  /// For all sessions that the rule allows together. `nil`: no limit.
  public var bandwidth: Bandwidth?
  /// How long such a session may last. `nil`: as long as any.
  public var session: Duration?

  public enum Effect: String, Hashable, Sendable, CaseIterable {
    case allow
    case deny
  }

  /// A rule that allows something to somebody.
  public static func allow(
    _ commands: Set<AccessCommand>, identities: [IdentityPattern], targets: [TargetPattern], ports: [PortRange]? = nil,
    clients: [IPNetwork]? = nil, name: String? = nil, bandwidth: Bandwidth? = nil, session: Duration? = nil
  ) -> AccessRule {
    AccessRule(
      effect: .allow, commands: commands, identities: identities, targets: targets, ports: ports, clients: clients,
      name: name, bandwidth: bandwidth, session: session)
  }

  /// A rule that denies; what is left out is denied for all.
  public static func deny(
    _ commands: Set<AccessCommand>, identities: [IdentityPattern]? = nil, targets: [TargetPattern]? = nil,
    ports: [PortRange]? = nil, clients: [IPNetwork]? = nil, name: String? = nil
  ) -> AccessRule {
    AccessRule(
      effect: .deny, commands: commands, identities: identities, targets: targets, ports: ports, clients: clients,
      name: name)
  }
}
