import GSSAPI
import KerberosTokens
import ThrowawayRealm

/// The process's realm with one user, and a service for each encryption type whose session keys are of that type.
struct LibraryFixture: Sendable {
  let realm: KerberosRealm

  private static let names: [EncryptionType: String] = [
    .aes128SHA1: "aes128-cts-hmac-sha1-96", .aes256SHA1: "aes256-cts-hmac-sha1-96",
    .aes128SHA256: "aes128-cts-hmac-sha256-128", .aes256SHA384: "aes256-cts-hmac-sha384-192",
  ]

  private static let making = Task { try await make() }

  static func ready() async throws -> LibraryFixture { try await making.value }

  private static func make() async throws -> LibraryFixture {
    let realm = try await KerberosRealm.ofThisProcess()
    let userKeytab = "\(realm.folder)/tokens-user.keytab"
    try await realm.addPrincipal("tokens-user")
    try await realm.exportKeytab(["tokens-user"], to: userKeytab)
    for type in EncryptionType.allCases {
      let name = names[type] ?? ""
      let principal = "socks/e\(type.rawValue).test"
      try await realm.addPrincipal(principal)
      try await realm.run(["kadmin.local", "-r", realm.name, "setstr", principal, "session_enctypes", name])
      try await realm.exportKeytab([principal], to: "\(realm.folder)/tokens.keytab")
      let text = """
        [libdefaults]
          permitted_enctypes = \(name) aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96

        """
      try await realm.run(
        ["sh", "-c", "cat >\"$1\"", "sh", "\(realm.folder)/tokens-\(type.rawValue).conf"], input: text)
    }
    try await realm.obtainTicket(
      for: "tokens-user", keytab: userKeytab, cache: "FILE:\(realm.folder)/tokens.ccache")
    return LibraryFixture(realm: realm)
  }

  func settings(_ type: EncryptionType) -> LibrarySettings {
    LibrarySettings(
      type: type.rawValue, configuration: "\(realm.folder)/tokens-\(type.rawValue).conf:\(realm.configurationPath)",
      keytab: "\(realm.folder)/tokens.keytab", cache: "FILE:\(realm.folder)/tokens.ccache", folder: realm.folder)
  }
}

/// What a process of its own needs to establish contexts of one encryption type: the library takes its configuration once
/// in a process.
struct LibrarySettings: Codable, Sendable {
  var type: Int32
  var configuration: String
  var keytab: String
  var cache: String
  var folder: String

  struct Stuck: Error {}

  func adopt() throws {
    try KerberosEnvironment.adopt(["KRB5_CONFIG": configuration, "KRB5RCACHEDIR": folder])
  }

  /// Both ends of a context.
  ///
  /// - Parameter mutual: only then does the acceptor choose a subkey.
  func established(mutual: Bool) throws -> LibraryPair {
    let ticket = try GSSCredential(initiatorFor: nil, store: GSSCredentialStore(credentialCache: cache))
    let keys = try GSSCredential(acceptorFor: nil, store: GSSCredentialStore(keytab: keytab, replayCache: "none:"))
    var flags: GSSContextFlags = [.replay, .sequence, .integrity, .confidentiality]
    if mutual { flags.insert(.mutual) }
    let initiator = GSSInitiator(target: try .hostBased("socks@e\(type).test"), flags: flags, credential: ticket)
    let acceptor = GSSAcceptor(credential: keys)
    switch try initiator.step(nil) {
    case .continueNeeded(let next, let first):
      guard case .complete(let acceptor, let answer) = try acceptor.step(first) else { throw Stuck() }
      guard case .complete(let initiator, _) = try next.step(answer) else { throw Stuck() }
      return LibraryPair(initiator: initiator, acceptor: acceptor)
    case .complete(let initiator, let first):
      guard let first, case .complete(let acceptor, _) = try acceptor.step(first) else { throw Stuck() }
      return LibraryPair(initiator: initiator, acceptor: acceptor)
    }
  }
}

struct LibraryPair: ~Copyable {
  var initiator: GSSSecurityContext
  var acceptor: GSSSecurityContext
}
