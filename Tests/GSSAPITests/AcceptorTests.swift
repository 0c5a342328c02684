import GSSAPI
import Testing
import ThrowawayRealm

@Suite struct AcceptorTests {
  private func refusal(_ token: [UInt8], _ credential: GSSCredential) -> GSSError? {
    do throws(GSSError) {
      _ = try GSSAcceptor(credential: credential).step(token)
      return nil
    } catch {
      return error
    }
  }

  private func firstToken(_ fixture: KerberosFixture, _ mechanism: GSSMechanism = .krb5) throws -> [UInt8] {
    guard case .continueNeeded(_, let token) = try fixture.initiator(mechanism).step(nil) else {
      throw ContextPair.Stuck()
    }
    return token
  }

  @Test func aKerberosCredentialTakesNothingElse() async throws {
    let fixture = try await KerberosFixture.ready()
    let credential = try fixture.acceptorCredential()
    let spnego = try firstToken(fixture, .spnego)
    let garbage = (0..<65_535).map { _ in UInt8.random(in: .min ... .max) }
    let nested = [UInt8](repeating: 0x30, count: 65_535)
    let ntlm = Array("NTLMSSP\0".utf8) + [1, 0, 0, 0]
    for token in [[], spnego, garbage, nested, ntlm, [0x60], [0x60, 0x00], [0x00]] {
      #expect(refusal(token, credential) != nil, "a token of \(token.count) octets was taken")
    }
    #expect(refusal(try firstToken(fixture), credential) == nil)
  }

  @Test func anSPNEGOCredentialTakesSPNEGO() async throws {
    let fixture = try await KerberosFixture.ready()
    let credential = try fixture.acceptorCredential([.spnego])
    #expect(refusal(try firstToken(fixture, .spnego), credential) == nil)
  }

  @Test func aTruncatedFirstTokenIsRefused() async throws {
    let fixture = try await KerberosFixture.ready()
    let credential = try fixture.acceptorCredential()
    let token = try firstToken(fixture)
    for count in stride(from: 0, to: token.count, by: 7) {
      #expect(refusal(Array(token.prefix(count)), credential) != nil)
    }
  }

  @Test func aRepeatedRequestIsRefused() async throws {
    let fixture = try await KerberosFixture.ready()
    let credential = try GSSCredential(
      acceptorFor: nil,
      store: GSSCredentialStore(
        keytab: fixture.keytab, replayCache: "file2:\(fixture.realm.folder)/repeated.rcache"))
    let token = try firstToken(fixture)
    #expect(refusal(token, credential) == nil)
    let error = try #require(refusal(token, credential))
    #expect(error.isReplay, "\(error)")
  }

  @Test func withoutMechanismsThereIsNoCredential() async throws {
    let fixture = try await KerberosFixture.ready()
    let error = #expect(throws: GSSError.self) { try fixture.acceptorCredential([]) }
    #expect(error?.isMisuse == true)
    let negotiable = #expect(throws: GSSError.self) {
      try GSSCredential(acceptorFor: nil, mechanisms: [.spnego], negotiable: [], store: fixture.acceptorStore)
    }
    #expect(negotiable?.isMisuse == true)
  }

  /// The keytab is read at each step: a new key works with the credential that is already held.
  @Test func aHeldCredentialFollowsTheKeytab() async throws {
    let fixture = try await KerberosFixture.ready()
    let realm = fixture.realm
    let keytab = "\(realm.folder)/rotated.keytab"
    try await realm.addPrincipal("rotated/gate.test")
    try await realm.exportKeytab(["rotated/gate.test"], to: keytab)
    let credential = try GSSCredential(
      acceptorFor: nil, store: GSSCredentialStore(keytab: keytab, replayCache: "none:"))
    _ = try ContextPair(
      fixture.initiator(service: "rotated@gate.test"), GSSAcceptor(credential: credential))

    try await realm.changeKey(of: "rotated/gate.test", keepOld: true)
    try await realm.exportKeytab(["rotated/gate.test"], to: keytab)
    // A cache of its own: the first one still holds a ticket for the old key.
    let cache = "FILE:\(realm.folder)/rotated.ccache"
    try await realm.obtainTicket(for: "gss-alice", keytab: fixture.userKeytab, cache: cache)
    let ticket = try GSSCredential(initiatorFor: nil, store: GSSCredentialStore(credentialCache: cache))
    let initiator = GSSInitiator(
      target: try .hostBased("rotated@gate.test"), flags: .relayed, credential: ticket)
    _ = try ContextPair(initiator, GSSAcceptor(credential: credential))
    _ = try ContextPair(
      fixture.initiator(service: "rotated@gate.test"), GSSAcceptor(credential: credential))
  }

  @Test func aCredentialForOneServiceRefusesAnother() async throws {
    let fixture = try await KerberosFixture.ready()
    let realm = fixture.realm
    let keytab = "\(realm.folder)/two.keytab"
    try await realm.addPrincipal("two/gate.test")
    try await realm.exportKeytab(["two/gate.test", "socks/gate.test"], to: keytab)
    let store = GSSCredentialStore(keytab: keytab, replayCache: "none:")
    let any = try GSSCredential(acceptorFor: nil, store: store)
    let socks = try GSSCredential(acceptorFor: .hostBased("socks"), store: store)
    guard case .continueNeeded(_, let token) = try fixture.initiator(service: "two@gate.test").step(nil) else {
      throw ContextPair.Stuck()
    }
    #expect(refusal(token, any) == nil)
    #expect(refusal(token, socks) != nil)
    #expect(refusal(try firstToken(fixture), socks) == nil)
  }
}
