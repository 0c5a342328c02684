import ThrowawayRealm

/// The realm of these tests, for children only: this process itself does not live in it. Made once.
struct InteropRealm: Sendable {
  static let user = "alice"
  /// Another one, with the same rights where a gateway's rules name it.
  static let secondUser = "bob"
  static let services = ["socks/localhost", "rcmd/localhost"]
  /// In the keytab, but not among the services that a gateway serves by default.
  static let unserved = "host/localhost"

  let realm: KerberosRealm

  var keytab: String { "\(realm.folder)/garterd.keytab" }
  var userKeytab: String { "\(realm.folder)/alice.keytab" }
  var cache: String { "FILE:\(realm.folder)/alice.ccache" }
  var secondCache: String { "FILE:\(realm.folder)/bob.ccache" }

  /// Of a child that acts for the user.
  var environment: [String: String?] {
    realm.environment.merging(["KRB5CCNAME": cache]) { _, new in new }.mapValues { $0 }
  }

  private static let making = Task { try await make() }

  static func ready() async throws -> InteropRealm { try await making.value }

  private static func make() async throws -> InteropRealm {
    var configuration = KerberosRealmConfiguration()
    // For a client with weak keys; the gateway has to refuse them itself.
    configuration.libraryDefaults["allow_rc4"] = "true"
    let interop = InteropRealm(realm: try await KerberosRealm.start(configuration))
    let realm = interop.realm
    for principal in services + [unserved, user, secondUser] { try await realm.addPrincipal(principal) }
    try await realm.exportKeytab(services + [unserved], to: interop.keytab)
    try await realm.exportKeytab([user], to: interop.userKeytab)
    try await realm.obtainTicket(for: user, keytab: interop.userKeytab, cache: interop.cache)
    let secondKeytab = "\(realm.folder)/bob.keytab"
    try await realm.exportKeytab([secondUser], to: secondKeytab)
    try await realm.obtainTicket(for: secondUser, keytab: secondKeytab, cache: interop.secondCache)
    return interop
  }
}
