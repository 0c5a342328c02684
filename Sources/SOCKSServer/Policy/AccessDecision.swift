/// What the rules say to a request, and why.
public struct AccessDecision: Hashable, Sendable, CustomStringConvertible {
  public let reason: Reason

  public init(_ reason: Reason) {
    self.reason = reason
  }

  public var isAllowed: Bool {
    switch reason {
    case .allowed: true
    case .denied, .specialAddress, .malformedName, .noRule: false
    }
  }

  /// The rule that decided.
  public var rule: RuleReference? {
    switch reason {
    case .allowed(let rule), .denied(let rule): rule
    case .specialAddress, .malformedName, .noRule: nil
    }
  }

  public enum Reason: Hashable, Sendable {
    case allowed(by: RuleReference)
    case denied(by: RuleReference)
    /// No rule decided; the one given would have allowed the request, had the address not been a special one that the
    /// rule does not name.
    case specialAddress(SpecialAddress, unnamedBy: RuleReference)
    /// What was asked for is neither an address nor the name of a host in ASCII.
    case malformedName
    case noRule
  }

  /// For a line of log, for example `rule 2 (deny guests)`.
  public var description: String {
    switch reason {
    case .allowed(let rule): "allowed by \(rule)"
    case .denied(let rule): "denied by \(rule)"
    case .specialAddress(let kind, let rule):
      "the address is special (\(kind.rawValue)): \(rule) would have to name it by address or network"
    case .malformedName: "the name is malformed"
    case .noRule: "no rule allows it"
    }
  }
}

/// A rule by its place in the list and its name.
public struct RuleReference: Hashable, Sendable, CustomStringConvertible {
  /// Counts from 0.
  public let index: Int
  public let name: String?

  public init(index: Int, name: String?) {
    self.index = index
    self.name = name
  }

  /// `rule 1`, counted from 1 as people do, or `rule 1 (name)`.
  public var description: String {
    "rule \(index + 1)" + (name.map { " (\($0))" } ?? "")
  }
}
