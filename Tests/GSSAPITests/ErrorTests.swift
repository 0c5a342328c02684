import GSSAPI
import Testing
import ThrowawayRealm

@Suite struct ErrorTests {
  private func refusal(_ initiator: consuming GSSInitiator) -> GSSError? {
    do throws(GSSError) {
      _ = try initiator.step(nil)
      return nil
    } catch {
      return error
    }
  }

  @Test func anUnknownServiceIsNamed() async throws {
    let fixture = try await KerberosFixture.ready()
    let error = try #require(refusal(try fixture.initiator(service: "nosuch@gate.test")))
    #expect(error.isUnknownServerPrincipal, "\(error.minor): \(error)")
    #expect(!error.isNoCredentials && !error.isExpired && !error.isKDCUnreachable && !error.isMisuse)
    #expect(error.description.contains("nosuch/gate.test@\(fixture.realm.name)"), "\(error)")
    #expect(error.mechanism == .krb5)
  }

  /// Under SPNEGO the library gives a minor status of its own making, so only the text is specific.
  @Test func anUnknownServiceIsNamedUnderSPNEGO() async throws {
    let fixture = try await KerberosFixture.ready()
    let error = try #require(refusal(try fixture.initiator(.spnego, service: "nosuch@gate.test")))
    #expect(error.description.contains("nosuch/gate.test@\(fixture.realm.name)"), "\(error)")
    #expect(error.mechanism == .spnego && error.minor != 0)
  }

  @Test func aMissingCacheIsNoCredentials() async throws {
    let fixture = try await KerberosFixture.ready()
    let store = GSSCredentialStore(credentialCache: "FILE:\(fixture.realm.folder)/nosuch.ccache")
    let error = try #require(
      #expect(throws: GSSError.self) {
        let credential = try GSSCredential(initiatorFor: nil, store: store)
        _ = try credential.inquire()
        _ = try GSSInitiator(target: .hostBased("socks@gate.test"), flags: .relayed, credential: credential).step(nil)
      })
    #expect(error.isNoCredentials, "\(error.minor): \(error)")
  }

  @Test func aMissingKeytabIsTold() async throws {
    let fixture = try await KerberosFixture.ready()
    let store = GSSCredentialStore(keytab: "\(fixture.realm.folder)/nosuch.keytab", replayCache: "none:")
    let error = try #require(
      #expect(throws: GSSError.self) { try GSSCredential(acceptorFor: nil, store: store) })
    #expect(error.isKeytabMissing, "\(error.minor): \(error)")
    #expect(error.description.contains("nosuch.keytab"), "\(error)")
  }

  @Test func anExpiredTicketIsTold() async throws {
    let fixture = try await KerberosFixture.ready()
    let cache = "FILE:\(fixture.realm.folder)/expired.ccache"
    // A ticket that was good for one second, some time ago.
    try await fixture.realm.obtainTicket(
      for: "gss-alice", keytab: fixture.userKeytab, cache: cache, lifetime: "1s")
    let credential = try GSSCredential(initiatorFor: nil, store: GSSCredentialStore(credentialCache: cache))
    var error: GSSError?
    let deadline = ContinuousClock.now + .seconds(10)
    while error == nil, ContinuousClock.now < deadline {
      let initiator = GSSInitiator(
        target: try .hostBased(KerberosFixture.service), flags: .relayed, credential: credential)
      error = refusal(initiator)
      await Task.yield()
    }
    let expired = try #require(error)
    #expect(expired.isExpired, "\(expired.minor): \(expired)")
    #expect(!expired.isUnknownServerPrincipal && !expired.isMisuse)
  }

  /// The library keeps the detail per thread: taken late, or elsewhere, it would be another's, or none.
  @Test func textsAreThoseOfTheFailingCall() async throws {
    let fixture = try await KerberosFixture.ready()
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for round in 0..<25 {
            let service = "nosuch-\(worker)-\(round)"
            guard let initiator = try? fixture.initiator(service: "\(service)@gate.test") else {
              Issue.record("no initiator")
              return
            }
            let error = self.refusal(initiator)
            #expect(error?.description.contains("\(service)/gate.test@") == true, "\(String(describing: error))")
          }
        }
      }
    }
  }

  @Test func misusesAreKeptApart() async throws {
    _ = try await KerberosFixture.ready()
    let error = try #require(
      #expect(throws: GSSError.self) {
        try GSSName.hostBased(String(repeating: "a", count: GSSName.maximumOctets + 1))
      })
    #expect(error.isMisuse && error.major == 0 && error.mechanism == nil)
    let store = GSSCredentialStore(keytab: "a\0b")
    let zero = #expect(throws: GSSError.self) { try GSSCredential(acceptorFor: nil, store: store) }
    #expect(zero?.isMisuse == true)
    let again = #expect(throws: GSSError.self) { try KerberosEnvironment.adopt(["KRB5_CONFIG": "/nosuch"]) }
    #expect(again?.isMisuse == true)
  }
}
