/// Who a client has proved to be. Each way of proving is a case of its own: a user name can never pass for a principal.
public enum Identity: Hashable, Sendable, CustomStringConvertible {
  /// A Kerberos principal.
  case principal(Principal)
  /// Somebody with an anonymous ticket (RFC 8062).
  case anonymous

  /// The identity of an authenticated principal: those that stand for nobody are ``anonymous``.
  public init(_ principal: Principal) {
    self = principal.isAnonymous ? .anonymous : .principal(principal)
  }

  public var description: String {
    switch self {
    case .principal(let principal): principal.description
    case .anonymous: "anonymous"
    }
  }

  /// The same identity, with the principals that stand for nobody told apart whichever way it was made.
  var normalised: Identity {
    switch self {
    case .principal(let principal): Identity(principal)
    case .anonymous: .anonymous
    }
  }
}

/// Whom a rule is about.
public enum IdentityPattern: Hashable, Sendable {
  case principal(PrincipalPattern)
  /// Written `anonymous`. No pattern of principals covers the anonymous.
  case anonymous

  public init(parsing text: String) throws(ValueError) {
    if text == "anonymous" {
      self = .anonymous
    } else if text.utf8.starts(with: "user:".utf8) {
      throw ValueError("user:NAME is kept for users with a password; for a principal of such a name write user\\:…")
    } else {
      self = .principal(try PrincipalPattern(parsing: text))
    }
  }

  public func matches(_ identity: Identity) -> Bool {
    switch (self, identity.normalised) {
    case (.principal(let pattern), .principal(let principal)): pattern.matches(principal)
    case (.anonymous, .anonymous): true
    case (.principal, .anonymous), (.anonymous, .principal): false
    }
  }

  /// Whether every identity of another pattern certainly matches this one.
  func covers(_ other: IdentityPattern) -> Bool {
    switch (self, other) {
    case (.principal(let mine), .principal(let others)): mine.covers(others)
    case (.anonymous, .anonymous): true
    case (.principal, .anonymous), (.anonymous, .principal): false
    }
  }
}
