import SOCKSCore

extension AccessPolicy {
  /// Whether the rules may allow a command to somebody for some target. An association is asked for without one: each of
  /// its datagrams has its own.
  func mayAllow(_ command: AccessCommand, to identity: Identity, from client: IPAddress) -> Bool {
    for rule in self.rules where rule.concerns(command, identity, client) {
      switch rule.effect {
      case .allow: return true
      case .deny:
        guard rule.ports == nil else { continue }
        if rule.targets?.contains(.any) ?? true { return false }
      }
    }
    return false
  }
}

extension AccessRule {
  /// Whether all is met that does not depend on the target.
  fileprivate func concerns(_ command: AccessCommand, _ identity: Identity, _ client: IPAddress) -> Bool {
    self.commands.contains(command)
      && (self.identities?.contains { $0.matches(identity) } ?? (self.effect == .deny))
      && (self.clients?.contains { $0.contains(client) } ?? true)
  }
}
