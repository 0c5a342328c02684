import Testing

@testable import SOCKSServer

@Suite struct PrincipalTests {
  @Test(arguments: [
    ("alice@R", ["alice"], "R"),
    ("alice/admin@EXAMPLE.COM", ["alice", "admin"], "EXAMPLE.COM"),
    ("a\\/b@R", ["a/b"], "R"),
    ("a\\@b@R", ["a@b"], "R"),
    ("a\\\\@R", ["a\\"], "R"),
    ("a\\n\\t\\b\\0@R", ["a\n\t\u{8}\0"], "R"),
    ("a\\x@R", ["ax"], "R"),
    ("a@R\\@S\\/T", ["a"], "R@S/T"),
    ("@R", [""], "R"),
    ("a//b@R", ["a", "", "b"], "R"),
    ("ü@R", ["ü"], "R"),
  ])
  func readsDisplayedNames(text: String, components: [String], realm: String) {
    let principal = Principal(text)
    #expect(principal == Principal(components: components.map { Array($0.utf8) }, realm: Array(realm.utf8)))
    #expect(principal.flatMap { Principal($0.description) } == principal)
  }

  @Test(arguments: ["", "alice", "alice@", "@", "a@b@c", "a@b/c", "a\\", "a@R\\", "a\\@R"])
  func refusesOthers(text: String) {
    #expect(Principal(text) == nil)
  }

  @Test func lengthIsBounded() {
    #expect(Principal(String(repeating: "a", count: 4094) + "@R") != nil)
    #expect(Principal(String(repeating: "a", count: 4095) + "@R") == nil)
  }

  @Test func descriptionsStayOnTheirLine() {
    let principal = Principal(components: [Array("a\u{1B}[31m\nb\r".utf8), [0xFF]], realm: Array("R".utf8))
    #expect(principal.description == "a\\u{1b}[31m\\nb\\u{d}/\u{FFFD}@R")
  }

  /// Swift's strings are equal when they look equal; Kerberos principals are not.
  @Test func namesThatOnlyLookEqualAreDifferent() throws {
    let composed = try #require(Principal("\u{E9}@R"))
    let decomposed = try #require(Principal("e\u{301}@R"))
    #expect(composed != decomposed)
    #expect(try !PrincipalPattern(parsing: "\u{E9}@R").matches(decomposed))
    #expect(try PrincipalPattern(parsing: "\u{E9}@R").matches(composed))
  }
}

@Suite struct PrincipalPatternTests {
  @Test(arguments: [
    ("alice@R", "alice@R"), ("*@R", "alice@R"), ("*@*", "alice@R"), ("a*e@R", "alice@R"), ("*/admin@R", "bob/admin@R"),
    ("*/*@R", "bob/admin@R"), ("*@EXAMPLE.*", "a@EXAMPLE.COM"), ("a\\/b@R", "a\\/b@R"), ("*@R", "a\\/b@R"),
    ("*@R", "a\\@b@R"), ("\\*@R", "*@R"), ("a*b*c@R", "abc@R"), ("a*b*c@R", "aXbXbXc@R"), ("**@R", "x@R"),
    ("*a*@R", "bab@R"), ("user\\:x@R", "user:x@R"), ("*@R", "@R"),
  ])
  func matches(pattern: String, principal: String) throws {
    #expect(try PrincipalPattern(parsing: pattern).matches(#require(Principal(principal))))
  }

  @Test(arguments: [
    ("*@EXAMPLE.COM", "alice/admin@EXAMPLE.COM"), ("*/admin@R", "admin@R"), ("*/admin@R", "a/b/admin@R"),
    ("*@R", "alice@r"), ("alice@R", "Alice@R"), ("alice@R", "alice@RR"), ("alice@R", "alic@R"), ("*@R", "a@S"),
    ("*@EXAMPLE.COM", "a@SUB.EXAMPLE.COM"), ("a/b@R", "a\\/b@R"), ("a\\/b@R", "a/b@R"), ("\\*@R", "a@R"),
    ("a*a@R", "a@R"), ("ab*ba@R", "aba@R"), ("a*b*c@R", "acb@R"), ("*a*a*@R", "a@R"), ("alice@R", "alice@R\\@S"),
    ("alice@R", "alice\\@R@S"), ("alice\\@R@S", "alice@R"), ("*/*@R", "a\\/b@R"),
  ])
  func doesNotMatch(pattern: String, principal: String) throws {
    #expect(try !PrincipalPattern(parsing: pattern).matches(#require(Principal(principal))))
  }

  /// A pattern with many stars takes no more than the product of the lengths.
  @Test func manyStarsAreCheap() throws {
    let pattern = try PrincipalPattern(parsing: String(repeating: "*a", count: 500) + "b@R")
    let principal = Principal(components: [[UInt8](repeating: 0x61, count: 3000)], realm: Array("R".utf8))
    #expect(!pattern.matches(principal))
  }

  @Test func theAnonymousAreCoveredOnlyByTheirWord() throws {
    let everybody = try IdentityPattern(parsing: "*@*")
    let twoComponents = try IdentityPattern(parsing: "*/*@*")
    let spelledOut = try IdentityPattern(parsing: "WELLKNOWN/ANONYMOUS@WELLKNOWN\\:ANONYMOUS")
    let word = try IdentityPattern(parsing: "anonymous")
    let identities: [Identity] = [
      .anonymous,
      .principal(try #require(Principal("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS"))),
      .principal(try #require(Principal("WELLKNOWN/ANONYMOUS@EXAMPLE.COM"))),
      .principal(try #require(Principal("x@WELLKNOWN:ANONYMOUS"))),
    ]
    for identity in identities {
      #expect(!everybody.matches(identity) && !twoComponents.matches(identity) && !spelledOut.matches(identity))
      #expect(word.matches(identity))
    }
    #expect(!word.matches(.principal(try #require(Principal("anonymous@R")))))
    #expect(Identity(try #require(Principal("WELLKNOWN/ANONYMOUS@EXAMPLE.COM"))) == .anonymous)
  }

}
