/// Who a client has proved to be. Each way of proving is a case of its own: a user name can never pass for a principal.
public enum Identity: Hashable, Sendable, CustomStringConvertible {
  /// A Kerberos principal.
  case principal(Principal)
  /// Somebody with an anonymous ticket (RFC 8062).
  case anonymous
  /// Somebody with a password of the password file (RFC 1929).
  case user(UserName)
  /// Nobody has proved anything: method X'00' of RFC 1928.
  case unauthenticated

  /// The identity of an authenticated principal: those that stand for nobody are ``anonymous``.
  public init(_ principal: Principal) {
    self = principal.isAnonymous ? .anonymous : .principal(principal)
  }

  /// A text that no identity of another kind has: a principal has an `@` and does not begin with `user:`, a user does, and
  /// the two words are neither.
  public var description: String {
    switch self {
    case .principal(let principal): Self.distinct(displayedPrincipal: principal.description)
    case .anonymous: "anonymous"
    case .user(let name): Self.userPrefix + name.description
    case .unauthenticated: "unauthenticated"
    }
  }

  static let userPrefix = "user:"

  /// A displayed principal whose first component begins with `user:` is written `user\:…`, as rules write it.
  static func distinct(displayedPrincipal text: String) -> String {
    guard text.utf8.starts(with: Self.userPrefix.utf8) else { return text }
    return "user\\:" + String(text.unicodeScalars.dropFirst(Self.userPrefix.unicodeScalars.count))
  }

  /// The same identity, with the principals that stand for nobody told apart whichever way it was made.
  var normalised: Identity {
    switch self {
    case .principal(let principal): Identity(principal)
    case .anonymous, .user, .unauthenticated: self
    }
  }
}

/// Whom a rule is about.
public enum IdentityPattern: Hashable, Sendable {
  case principal(PrincipalPattern)
  /// Written `anonymous`. No pattern of principals covers the anonymous.
  case anonymous
  /// Written `user:NAME`. No pattern of principals covers a user, and none of users a principal.
  case user(UserPattern)
  /// Written `unauthenticated`. Nothing else covers clients that have proved nothing.
  case unauthenticated

  public init(parsing text: String) throws(ValueError) {
    if text == "anonymous" {
      self = .anonymous
    } else if text == "unauthenticated" {
      self = .unauthenticated
    } else if text.utf8.starts(with: Identity.userPrefix.utf8) {
      // By scalars: a character may join the colon.
      self = .user(try UserPattern(parsing: String(text.unicodeScalars.dropFirst(Identity.userPrefix.count))))
    } else {
      self = .principal(try PrincipalPattern(parsing: text))
    }
  }

  public func matches(_ identity: Identity) -> Bool {
    switch (self, identity.normalised) {
    case (.principal(let pattern), .principal(let principal)): pattern.matches(principal)
    case (.anonymous, .anonymous): true
    case (.user(let pattern), .user(let user)): pattern.matches(user)
    case (.unauthenticated, .unauthenticated): true
    case (.principal, _), (.anonymous, _), (.user, _), (.unauthenticated, _): false
    }
  }

  /// Whether every identity of another pattern certainly matches this one.
  func covers(_ other: IdentityPattern) -> Bool {
    switch (self, other) {
    case (.principal(let mine), .principal(let others)): mine.covers(others)
    case (.anonymous, .anonymous): true
    case (.user(let mine), .user(let others)): mine.covers(others)
    case (.unauthenticated, .unauthenticated): true
    case (.principal, _), (.anonymous, _), (.user, _), (.unauthenticated, _): false
    }
  }
}
