import Testing

@testable import GSSAPI

@Suite struct KerberosTicketRequirementTests {
  private static func server(_ components: [String], _ realm: String = "R.TEST") throws -> KerberosTicketServer {
    try #require(
      KerberosTicketServer(realm: Array(realm.utf8), nameType: 1, components: components.map { Array($0.utf8) }))
  }

  @Test(arguments: [
    ("gw.test", ["socks", "gw.test"], true), ("GW.Test", ["socks", "gw.test"], true),
    ("gw.test", ["socks", "Gw.TEST"], true), ("gw.test.", ["socks", "gw.test"], true),
    ("gw.test", ["socks", "gw.test."], true), ("gw.test", ["socks", "evil.test"], false),
    ("gw.test", ["SOCKS", "gw.test"], false), ("gw.test", ["rcmd", "gw.test"], false),
    ("gw.test", ["socks"], false), ("gw.test", ["socks", "gw.test", "x"], false), ("gw.test", ["socks", ""], false),
    ("", ["socks", ""], false), (".", ["socks", "."], false), ("gw.test", ["socks", "gw.test.."], false),
    ("gw", ["socks", "gw.test"], false), ("gw.test", ["socks/gw.test"], false),
    ("gw.test", ["socks", "gw.test\u{0}"], false), ("gw.test", ["socks", "\u{212a}gw.test"], false),
  ])
  func aHostIsComparedWithoutCaseAndFinalDot(host: String, components: [String], isAdmitted: Bool) throws {
    let requirement = KerberosTicketRequirement.service("socks", host: host)
    #expect(requirement.admits(try Self.server(components)) == isAdmitted)
    // The realm is the KDCs' to find.
    #expect(requirement.admits(try Self.server(components, "OTHER.TEST")) == isAdmitted)
  }

  @Test(arguments: [
    ("socks/gw.test@R.TEST", ["socks", "gw.test"], "R.TEST", true),
    ("socks/gw.test@R.TEST", ["socks", "gw.test"], "r.test", false),
    ("socks/gw.test@R.TEST", ["socks", "GW.test"], "R.TEST", false),
    ("socks/gw.test", ["socks", "gw.test"], "ANY.TEST", true), ("gw$@R.TEST", ["gw$"], "R.TEST", true),
    ("a\\/b@R.TEST", ["a/b"], "R.TEST", true), ("a\\/b@R.TEST", ["a", "b"], "R.TEST", false),
  ])
  func aPrincipalIsComparedExactly(
    principal: String, components: [String], realm: String, isAdmitted: Bool
  ) throws {
    let requirement = KerberosTicketRequirement.principal(try #require(KerberosPrincipalName(principal)))
    #expect(requirement.admits(try Self.server(components, realm)) == isAdmitted)
  }

  /// A token in which no ticket is found is not sent either.
  @Test func noTicketIsRefused() {
    let requirement = KerberosTicketRequirement.service("socks", host: "gw.test")
    #expect { try requirement.check(ticketFor: nil) } throws: { ($0 as? GSSError)?.isTicketForOtherServer == true }
  }

  @Test(arguments: [
    ("socks/gw.test@R.TEST", true), ("socks/GW.test@", true), ("socks/gw.test", true),
    ("socks/evil.test@R.TEST", false),
    ("", false), ("@", false), ("socks@R.TEST", false), ("socks\\/gw.test@R.TEST", false),
  ])
  func theEstablishedContextIsCheckedToo(acceptor: String, isAdmitted: Bool) {
    let requirement = KerberosTicketRequirement.service("socks", host: "gw.test")
    #expect(((try? requirement.check(contextFor: acceptor)) != nil) == isAdmitted)
  }

  @Test(
    arguments: [
      ("alice", ["alice"], nil), ("alice@R", ["alice"], "R"), ("a/b/c@R", ["a", "b", "c"], "R"),
      ("a\\@b@R", ["a@b"], "R"), ("a\\\\b", ["a\\b"], nil), ("a\\tb", ["a\tb"], nil), ("é@R", ["é"], "R"),
    ] as [(String, [String], String?)])
  func principalsAreRead(text: String, components: [String], realm: String?) throws {
    let name = try #require(KerberosPrincipalName(text))
    #expect(name.components == components.map { Array($0.utf8) })
    #expect(name.realm == realm.map { Array($0.utf8) })
    #expect(KerberosPrincipalName(name.description) == name)
  }

  @Test(arguments: ["", "@", "a@", "@R", "/", "a/", "/b", "a//b", "a@b@c", "a@b/c", "a\\", "a\u{0}", "a@R\\"])
  func otherTextsAreNoPrincipals(text: String) {
    #expect(KerberosPrincipalName(text) == nil)
  }

  @Test func longTextsAreNoPrincipals() {
    #expect(KerberosPrincipalName(String(repeating: "a", count: 1_025)) == nil)
    #expect(KerberosPrincipalName(String(repeating: "a/", count: 16) + "a") == nil)
  }
}
