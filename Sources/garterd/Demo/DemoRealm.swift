import GSSAPI
import ThrowawayRealm

/// The demo's realm: one user with a ticket, one service with a key.
struct DemoRealm: Sendable {
  static let user = "alice"
  static let service = "socks/localhost"

  private let realm: KerberosRealm
  let keytab: String
  /// In the library's spelling.
  let ticketCache: String

  static func start() async throws -> DemoRealm {
    let realm = try await KerberosRealm.start()
    do {
      // This process is in the realm too: said once, before the library is called.
      try KerberosEnvironment.adopt(realm.environment)
      let keytab = "\(realm.folder)/garterd.keytab"
      let ticketCache = "FILE:\(realm.folder)/alice.ccache"
      try await realm.addPrincipal(Self.service)
      try await realm.exportKeytab([Self.service], to: keytab)
      try await realm.addPrincipal(Self.user)
      try await realm.exportKeytab([Self.user], to: "\(realm.folder)/alice.keytab")
      try await realm.obtainTicket(
        for: Self.user, keytab: "\(realm.folder)/alice.keytab", cache: ticketCache)
      return DemoRealm(realm: realm, keytab: keytab, ticketCache: ticketCache)
    } catch {
      await realm.stop()
      throw error
    }
  }

  var name: String { self.realm.name }
  var folder: String { self.realm.folder }
  var configurationPath: String { self.realm.configurationPath }

  func stop() async { await self.realm.stop() }
}
