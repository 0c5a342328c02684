/// Which rules are about an identity. Patterns that match one identity only are found by it; each of the others is
/// compared once, however many rules have it.
struct IdentityIndex: Sendable {
  /// Rules about everybody.
  private var everybody = RuleSet()
  private var literals: [Identity: RuleSet] = [:]
  private var principals: [(pattern: PrincipalPattern, rules: RuleSet)] = []
  private var users: [(pattern: UserPattern, rules: RuleSet)] = []

  init(_ rules: [AccessRule]) {
    var principals: [PrincipalPattern: RuleSet] = [:]
    var users: [UserPattern: RuleSet] = [:]
    for (rule, patterns) in rules.map(\.identities).enumerated() {
      // Without any, a rule that denies is about everybody, and one that allows about nobody.
      guard let patterns else {
        if rules[rule].effect == .deny { self.everybody.insert(rule) }
        continue
      }
      for pattern in patterns {
        if let literal = pattern.literal {
          self.literals[literal, default: RuleSet()].insert(rule)
          continue
        }
        switch pattern {
        case .principal(let pattern): principals[pattern, default: RuleSet()].insert(rule)
        case .user(let pattern): users[pattern, default: RuleSet()].insert(rule)
        case .anonymous, .unauthenticated: break
        }
      }
    }
    self.principals = principals.map { ($0.key, $0.value) }
    self.users = users.map { ($0.key, $0.value) }
  }

  func rules(for identity: Identity) -> RuleSet {
    let identity = identity.normalised
    var rules = self.everybody
    if let literal = self.literals[identity] { rules.formUnion(literal) }
    switch identity {
    case .principal(let principal):
      for (pattern, set) in self.principals where pattern.matches(principal) { rules.formUnion(set) }
    case .user(let user):
      for (pattern, set) in self.users where pattern.matches(user) { rules.formUnion(set) }
    case .anonymous, .unauthenticated: break
    }
    return rules
  }
}

extension IdentityPattern {
  /// The only identity that matches, where there is just one.
  fileprivate var literal: Identity? {
    switch self {
    case .principal(let pattern): pattern.literal.map(Identity.principal)
    case .user(let pattern): pattern.literal.map(Identity.user)
    case .anonymous: .anonymous
    case .unauthenticated: .unauthenticated
    }
  }
}
