import GSSAPI
import Testing
import ThrowawayRealm

@Suite struct NameTests {
  @Test func kindsOfNames() async throws {
    let fixture = try await KerberosFixture.ready()
    let realm = fixture.realm.name
    #expect(try GSSName.hostBased("socks@gate.test").display() == "socks@gate.test")
    let principal = try GSSName.kerberosPrincipal("socks/gate.test")
    #expect(try principal.canonicalized(for: .krb5).display() == "socks/gate.test@\(realm)")
    let canonical = try GSSName.hostBased("socks@gate.test").canonicalized(for: .krb5)
    #expect(canonical.description == "socks/gate.test@\(realm)")
    #expect(try principal.exported(for: .krb5) == canonical.exported(for: .krb5))
    #expect(try GSSName.exported(canonical.exported(for: .krb5)).display() == canonical.display())
  }

  @Test func malformedExportedNamesAreRefused() async throws {
    _ = try await KerberosFixture.ready()
    let octets = try GSSName.kerberosPrincipal("a@B").exported(for: .krb5)
    for count in 0..<octets.count {
      #expect(throws: GSSError.self) {
        try GSSName.exported(Array(octets.prefix(count))).canonicalized(for: .krb5)
      }
    }
  }

  @Test func localNamesAreTheRealmsOwnUsers() async throws {
    let fixture = try await KerberosFixture.ready()
    let realm = fixture.realm.name
    #expect(try GSSName.kerberosPrincipal("gss-alice@\(realm)").localName(for: .krb5) == "gss-alice")
    for name in ["gss-alice@OTHER.TEST", "gss-alice/admin@\(realm)"] {
      #expect(throws: GSSError.self) { try GSSName.kerberosPrincipal(name).localName(for: .krb5) }
    }
  }

  @Test func hostileOctetsInNamesDoNoHarm() async throws {
    _ = try await KerberosFixture.ready()
    let text = try GSSName.kerberosPrincipal("a\u{1b}[31m\r\u{fffd}@GARTER.TEST").display()
    #expect(text.contains("\u{1b}"))
  }
}
