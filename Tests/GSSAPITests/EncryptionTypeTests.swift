import GSSAPI
import Testing
import ThrowawayRealm

/// What a process of its own needs to establish a context: the configuration is read per process.
struct ChildSettings: Codable, Sendable {
  var configuration: String
  var keytab: String
  var cache: String
  var replayCacheFolder: String

  init(_ fixture: KerberosFixture, configuration: String? = nil) {
    self.configuration = configuration ?? fixture.realm.configurationPath
    keytab = fixture.keytab
    cache = fixture.cache
    replayCacheFolder = fixture.realm.folder
  }

  func adopt() throws {
    try KerberosEnvironment.adopt(["KRB5_CONFIG": configuration, "KRB5RCACHEDIR": replayCacheFolder])
  }

  func established() throws -> ContextPair {
    let ticket = try GSSCredential(initiatorFor: nil, store: GSSCredentialStore(credentialCache: cache))
    let keys = try GSSCredential(
      acceptorFor: nil, store: GSSCredentialStore(keytab: keytab, replayCache: "none:"))
    let initiator = GSSInitiator(target: try .hostBased(KerberosFixture.service), flags: .relayed, credential: ticket)
    return try ContextPair(initiator, GSSAcceptor(credential: keys))
  }
}

@Suite struct EncryptionTypeTests {
  struct Case: Codable, Sendable {
    var name: String
    var number: Int32
    var signedOverhead: Int?
    var sealedOverhead: Int?
  }

  private static let cases = [
    Case(name: "aes128-cts-hmac-sha1-96", number: 17, signedOverhead: 28, sealedOverhead: 60),
    Case(name: "aes256-cts-hmac-sha1-96", number: 18, signedOverhead: 28, sealedOverhead: 60),
    Case(name: "aes128-cts-hmac-sha256-128", number: 19, signedOverhead: 32, sealedOverhead: 64),
    Case(name: "aes256-cts-hmac-sha384-192", number: 20, signedOverhead: 40, sealedOverhead: 72),
    Case(name: "arcfour-hmac", number: 23),
  ]

  /// The first type that the initiator lists is that of the acceptor's subkey, which protects messages (RFC 4537).
  @Test(arguments: cases)
  func theTypeOfTheProtectingKeyIsTold(type: Case) async throws {
    let fixture = try await KerberosFixture.ready()
    let realm = fixture.realm
    let profile = "\(realm.folder)/\(type.name).conf"
    let text = """
      [libdefaults]
        allow_weak_crypto = true
        allow_rc4 = true
        permitted_enctypes = \(type.name) aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96

      """
    try await realm.run(["sh", "-c", "cat >\"$1\"", "sh", profile], input: text)
    let settings = ChildSettings(fixture, configuration: "\(profile):\(realm.configurationPath)")
    await #expect(processExitsWith: .success) { [settings = settings as ChildSettings, type = type as Case] in
      try settings.adopt()
      var pair = try settings.established()
      #expect(pair.initiator.sessionKeyEncryptionType == type.number)
      #expect(pair.acceptor.sessionKeyEncryptionType == type.number)
      for (confidential, overhead) in [(false, type.signedOverhead), (true, type.sealedOverhead)] {
        let plaintext = [UInt8](repeating: 9, count: 100)
        let token = try pair.initiator.wrap(plaintext, confidential: confidential).token
        #expect(overhead == nil || token.count == 100 + (overhead ?? 0))
        // Tokens of other types than AES (RFC 1964, RFC 4757) have no such header, and so no number.
        #expect((KerberosTokenHeader(token) == nil) == (overhead == nil))
        let (opened, message) = try pair.acceptor.unwrap(token)
        #expect(opened == plaintext && message.confidential == confidential && message.status.isEmpty)
        #expect((message.sequenceNumber == nil) == (overhead == nil))
        if let overhead {
          let largest = try pair.initiator.maximumPlaintext(tokenLimit: 65_535, confidential: confidential)
          #expect(largest == 65_535 - overhead)
        }
      }
    }
  }
}
