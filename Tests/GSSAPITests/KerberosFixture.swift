import GSSAPI
import ThrowawayRealm

/// The process's realm with one user and one service, and this process set to live in it. Made once.
struct KerberosFixture: Sendable {
  static let service = "socks@gate.test"

  let realm: KerberosRealm

  var keytab: String { "\(realm.folder)/socks.keytab" }
  var userKeytab: String { "\(realm.folder)/alice.keytab" }
  var cache: String { "FILE:\(realm.folder)/alice.ccache" }
  var acceptorStore: GSSCredentialStore { GSSCredentialStore(keytab: keytab, replayCache: "none:") }

  private static let making = Task { try await make() }

  static func ready() async throws -> KerberosFixture {
    try await making.value
  }

  private static func make() async throws -> KerberosFixture {
    let fixture = KerberosFixture(realm: try await KerberosRealm.ofThisProcess())
    let realm = fixture.realm
    try KerberosEnvironment.adopt(realm.environment)
    try await realm.addPrincipal("gss-alice")
    try await realm.addPrincipal("socks/gate.test")
    try await realm.exportKeytab(["gss-alice"], to: fixture.userKeytab)
    try await realm.exportKeytab(["socks/gate.test"], to: fixture.keytab)
    try await realm.obtainTicket(for: "gss-alice", keytab: fixture.userKeytab, cache: fixture.cache)
    return fixture
  }

  func initiatorCredential(_ mechanisms: [GSSMechanism] = [.krb5]) throws -> GSSCredential {
    try GSSCredential(
      initiatorFor: nil, mechanisms: mechanisms, store: GSSCredentialStore(credentialCache: cache))
  }

  func acceptorCredential(_ mechanisms: [GSSMechanism] = [.krb5]) throws -> GSSCredential {
    try GSSCredential(acceptorFor: nil, mechanisms: mechanisms, store: acceptorStore)
  }

  func initiator(
    _ mechanism: GSSMechanism = .krb5, flags: GSSContextFlags = .relayed, service: String = service,
    channelBindings: [UInt8]? = nil
  ) throws -> GSSInitiator {
    GSSInitiator(
      target: try .hostBased(service), mechanism: mechanism, flags: flags,
      credential: try initiatorCredential([mechanism]), channelBindings: channelBindings)
  }

  func established(
    _ mechanism: GSSMechanism = .krb5, flags: GSSContextFlags = .relayed
  ) throws -> ContextPair {
    try ContextPair(
      initiator(mechanism, flags: flags), GSSAcceptor(credential: acceptorCredential([mechanism])))
  }
}

extension GSSContextFlags {
  /// What a stream that is relayed asks for.
  static let relayed: GSSContextFlags = [.mutual, .replay, .sequence, .integrity, .confidentiality]
}
