import Testing

@testable import SOCKSServer

/// Users with a password and clients without a proof: never to be taken for principals, nor the other way round.
@Suite struct UserTests {
  static func user(_ text: String) throws -> Identity { .user(try #require(UserName(Array(text.utf8)))) }
  static func principal(_ text: String) throws -> Identity { Identity(try #require(Principal(text))) }

  @Test(
    arguments: [
      ("user:alice", "alice"), ("user:*", "alice"), ("user:*", "*"), ("user:al*e", "alice"), ("user:a\\*b", "a*b"),
      ("user:a\\@EXAMPLE.COM", "a@EXAMPLE.COM"), ("user:a\\/b", "a/b"), ("user:*", "a@EXAMPLE.COM"),
      ("user:a\\\\b", "a\\b"),
      ("user:a:b", "a:b"), ("user:user:x", "user:x"), ("user:ä", "ä"), ("user:a\\nb", "a\nb"), ("user: a", " a"),
      ("user:anonymous", "anonymous"), ("user:unauthenticated", "unauthenticated"), ("user:\u{301}", "\u{301}"),
    ])
  func aPatternMatches(pattern: String, user: String) throws {
    #expect(try IdentityPattern(parsing: pattern).matches(Self.user(user)))
  }

  @Test(
    arguments: [
      ("user:alice", "alic"), ("user:alice", "alicee"), ("user:alice", "Alice"), ("user:alice", "user:alice"),
      ("user:a\\*b", "axb"), ("user:a*b", "a"), ("*@*", "alice"), ("*@EXAMPLE.COM", "alice@EXAMPLE.COM"),
      ("*/*@*", "a/b@R"), ("alice@EXAMPLE.COM", "alice@EXAMPLE.COM"), ("user\\:*@*", "x@R"), ("anonymous", "anonymous"),
      ("unauthenticated", "unauthenticated"), ("anonymous", "alice"), ("unauthenticated", "alice"),
      // The two spellings of one letter are different octets.
      ("user:\u{e4}", "a\u{308}"),
    ])
  func aPatternDoesNotMatch(pattern: String, user: String) throws {
    #expect(!(try IdentityPattern(parsing: pattern).matches(Self.user(user))))
  }

  @Test(
    arguments: [
      "user:", "user:a@EXAMPLE.COM", "user:*@*", "user:a/b", "user:a\\", "user:" + String(repeating: "a", count: 256),
    ])
  func aPatternIsRefused(pattern: String) {
    #expect(throws: ValueError.self) { try IdentityPattern(parsing: pattern) }
  }

  /// Whatever a user is called, and whatever a principal: each kind of pattern reaches its own kind only.
  static let names = [
    "alice", "a@EXAMPLE.COM", "alice@EXAMPLE.COM", "host/gw@R", "anonymous", "unauthenticated", "user:alice",
    "user:a@R",
    "*", "*@*", "\u{1b}[2K", "a\nb", "a b", "\\", "user\\:a@R", "WELLKNOWN/ANONYMOUS@R", "principal:a@R", "a\\@R",
  ]
  static let principals = [
    "alice@EXAMPLE.COM", "user:alice@R", "user:a\\@b@R", "user:@R", "anonymous@R", "unauthenticated@R", "a/b@R",
    "\\*@R",
    "user:a/b@R", "user:\\*@R", "user:*@R", "a@b", "user\\:a@R", "\\u\\s\\e\\r:a@R",
  ]
  static let userPatterns = ["user:*", "user:*\\@*", "user:a*", "user:*:*", "user:*\\/*"]
  static let principalPatterns = ["*@*", "*/*@*", "*/*/*@*", "user\\:*@*", "*\\@*@*", "anonymous@*"]

  @Test func noPatternCrossesOver() throws {
    let users = try Self.names.map(Self.user)
    let principals = try Self.principals.map(Self.principal)
    let nobodies: [Identity] = [.anonymous, .unauthenticated]
    for pattern in try Self.userPatterns.map(IdentityPattern.init(parsing:)) {
      for identity in principals + nobodies { #expect(!pattern.matches(identity), "\(pattern) \(identity)") }
      for other in try (Self.principalPatterns + ["anonymous", "unauthenticated"]).map(IdentityPattern.init(parsing:)) {
        #expect(!pattern.covers(other) && !other.covers(pattern))
      }
    }
    for pattern in try Self.principalPatterns.map(IdentityPattern.init(parsing:)) {
      for identity in users + nobodies { #expect(!pattern.matches(identity), "\(pattern) \(identity)") }
    }
    for (word, own) in [("anonymous", Identity.anonymous), ("unauthenticated", .unauthenticated)] {
      let pattern = try IdentityPattern(parsing: word)
      for identity in users + principals + nobodies {
        #expect(pattern.matches(identity) == (identity == own), "\(word) \(identity)")
      }
    }
  }

  /// What the log shows of two identities is the same only when they are.
  @Test func whatIsShownIsNeverTheSame() throws {
    let identities =
      try Self.names.map(Self.user) + Self.principals.map(Self.principal) + [.anonymous, .unauthenticated]
    let distinct = Set(identities.map { $0.normalised })
    #expect(Set(distinct.map(\.description)).count == distinct.count)
    for identity in identities {
      let shown = identity.description
      #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 })
      if case .user = identity {
        #expect(shown.utf8.starts(with: "user:".utf8))
        // No unescaped @: it cannot be read as a principal.
        #expect(Principal(shown) == nil, "\(shown)")
      } else {
        #expect(!shown.utf8.starts(with: "user:".utf8), "\(shown)")
      }
    }
    #expect(try Self.user("a@EXAMPLE.COM").description == "user:a\\@EXAMPLE.COM")
    #expect(try Self.principal("user:alice@R").description == "user\\:alice@R")
  }

  /// A name as it is shown is also how a rule names it, control characters aside.
  @Test func whatIsShownIsAPattern() throws {
    for name in Self.names where !name.contains("\u{1b}") {
      let pattern = try IdentityPattern(parsing: Self.user(name).description)
      for other in Self.names { #expect(try pattern.matches(Self.user(other)) == (name == other), "\(name) \(other)") }
    }
  }

  @Test func aNameHasABoundedLength() {
    #expect(UserName([]) == nil)
    #expect(UserName([UInt8](repeating: 0x61, count: 255)) != nil)
    #expect(UserName([UInt8](repeating: 0x61, count: 256)) == nil)
  }

  @Test func shadowingKnowsUsers() throws {
    func rule(_ who: String) throws -> AccessRule {
      .allow([.connect], identities: [try IdentityPattern(parsing: who)], targets: [.any])
    }
    #expect(AccessPolicy(rules: [try rule("user:*"), try rule("user:bob")]).shadowedRules.count == 1)
    #expect(AccessPolicy(rules: [try rule("*@*"), try rule("user:bob")]).shadowedRules.isEmpty)
    #expect(AccessPolicy(rules: [try rule("user:*"), try rule("unauthenticated")]).shadowedRules.isEmpty)
  }
}
