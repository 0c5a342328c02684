extension AccessPolicy {
  /// A rule that never decides, because one before it covers all that it covers.
  public struct ShadowedRule: Hashable, Sendable {
    /// Both count from 0.
    public let index: Int
    public let shadowedBy: Int
  }

  /// The rules that certainly never decide a request. Rules that are hidden by several others together are not found.
  public var shadowedRules: [ShadowedRule] {
    rules.indices.compactMap { index in
      rules[..<index].firstIndex { $0.shadows(rules[index]) }
        .map { ShadowedRule(index: index, shadowedBy: $0) }
    }
  }
}

extension AccessRule {
  /// Whether this rule, when it comes first, leaves nothing to another (special addresses under `*` aside).
  fileprivate func shadows(_ other: AccessRule) -> Bool {
    commands.isSuperset(of: other.commands)
      && Self.covers(identities, other.identities) { $0.covers($1) }
      && Self.covers(ports, other.ports) {
        $0.ports.contains($1.ports.lowerBound) && $0.ports.contains($1.ports.upperBound)
      }
      && Self.covers(clients, other.clients) { $0.contains($1) }
      && Self.covers(targets, other.targets) { coversTarget($0, $1) }
  }

  /// Whether each of some patterns is covered by one of ours. No list means everything.
  private static func covers<Pattern>(
    _ mine: [Pattern]?, _ others: [Pattern]?, by covers: (Pattern, Pattern) -> Bool
  ) -> Bool {
    guard let mine else { return true }
    guard let others else { return false }
    return others.allSatisfy { other in mine.contains { covers($0, other) } }
  }

  private func coversTarget(_ mine: TargetPattern, _ other: TargetPattern) -> Bool {
    switch (mine, other) {
    case (.any, .any), (.any, .name):
      true
    case (.any, .network(let network)):
      // A network of the other rule may name special addresses, or the address of one of our own listeners.
      effect == .deny || !(network.isSingleAddress || SpecialAddress.isIn(network))
    case (.network(let mine), .network(let other)):
      mine == other
        || (mine.contains(other)
          && (effect == .deny || !(other.isSingleAddress || SpecialAddress.isIn(other))))
    case (.name(let mine), .name(let other)):
      mine.covers(other)
    case (.name, .any), (.name, .network), (.network, .any), (.network, .name):
      false
    }
  }
}
