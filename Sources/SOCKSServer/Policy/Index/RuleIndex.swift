import SOCKSCore

/// The rules of a list, prepared for requests: of each property of a request, which rules it meets, so that a request
/// costs what its own rules cost, and not what all of them do.
final class RuleIndex: Sendable {
  let rules: [Rule]
  private let connect: RuleSet
  private let bind: RuleSet
  private let associate: RuleSet
  private let identities: IdentityIndex
  private let ports: PortIndex
  /// Rules about clients of every network.
  private let anyClient: RuleSet
  private let clients: NetworkIndex
  /// Rules with the target `*`.
  private let anyTarget: RuleSet
  private let names: NameIndex
  private let networks: NetworkIndex
  /// Rules with a network among their targets.
  private let withNetworks: RuleSet

  /// What is left to be looked at of a rule that concerns a request.
  struct Rule: Sendable {
    let effect: AccessRule.Effect
    /// `*` where a rule that denies has none.
    let targets: [TargetPattern]
    /// What it gives, if it allows.
    let grant: Grant
  }

  init(_ rules: [AccessRule]) {
    self.rules = rules.enumerated().map { index, rule in
      Rule(
        effect: rule.effect, targets: rule.targets ?? (rule.effect == .deny ? [.any] : []),
        grant: Grant(
          rule: RuleReference(index: index, name: rule.name), bandwidth: rule.bandwidth, maximumDuration: rule.session))
    }
    var (anyClient, anyTarget, withNetworks) = (RuleSet(), RuleSet(), RuleSet())
    var (clients, names, networks) = (NetworkIndex(), NameIndex(), NetworkIndex())
    for (index, rule) in rules.enumerated() {
      if let from = rule.clients {
        for network in from { clients.insert(index, network) }
      } else {
        anyClient.insert(index)
      }
      for target in self.rules[index].targets {
        switch target {
        case .any: anyTarget.insert(index)
        case .name(let pattern): names.insert(index, pattern)
        case .network(let network):
          networks.insert(index, network)
          withNetworks.insert(index)
        }
      }
    }
    func about(_ command: AccessCommand) -> RuleSet {
      var set = RuleSet()
      for (index, rule) in rules.enumerated() where rule.commands.contains(command) { set.insert(index) }
      return set
    }
    (self.connect, self.bind, self.associate) = (about(.connect), about(.bind), about(.associate))
    self.identities = IdentityIndex(rules)
    self.ports = PortIndex(rules)
    (self.anyClient, self.clients) = (anyClient, clients)
    (self.anyTarget, self.names, self.networks, self.withNetworks) = (anyTarget, names, networks, withNetworks)
  }

  /// The rules that are about a command of somebody's, whatever the target.
  func rules(about command: AccessCommand, of identity: Identity, from client: IPAddress) -> RuleSet {
    var rules = self.identities.rules(for: identity)
    switch command {
    case .connect: rules.formIntersection(self.connect)
    case .bind: rules.formIntersection(self.bind)
    case .associate: rules.formIntersection(self.associate)
    }
    var clients = self.anyClient
    self.clients.add(holding: client, to: &clients)
    rules.formIntersection(clients)
    return rules
  }

  /// The rules that a request concerns, whatever address it reaches: those that cover its target by `*` or by its name,
  /// and those that have networks.
  func rules(for request: AccessRequest) -> (byHost: RuleSet, byNetwork: RuleSet) {
    var concerned = self.rules(about: request.command, of: request.identity, from: request.client)
    concerned.formIntersection(self.ports.rules(for: request.port))
    var byHost = self.anyTarget
    if case .name(let name) = request.host { self.names.add(matching: name, to: &byHost) }
    byHost.formIntersection(concerned)
    concerned.formIntersection(self.withNetworks)
    return (byHost, concerned)
  }

  /// The rules with a network that holds an address, or one of those that it carries.
  func rules(reaching address: IPAddress, _ carried: [IPAddress]) -> RuleSet {
    var rules = RuleSet()
    self.networks.add(holding: address, to: &rules)
    for address in carried { self.networks.add(holding: address, to: &rules) }
    return rules
  }
}
