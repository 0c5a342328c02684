import FoundationEssentials
import ThrowawayRealm

/// A client that knows only RC4, with a service ticket whose session key is RC4.
enum WeakTicket {
  static func environment() async throws -> [String: String?] {
    let interop = try await InteropRealm.ready()
    let realm = interop.realm
    let cache = "FILE:\(realm.folder)/weak.ccache"
    try await realm.run([
      "kadmin.local", "-r", realm.name, "setstr", "socks/localhost", "session_enctypes", "aes256-cts,arcfour-hmac",
    ])
    try await realm.obtainTicket(for: InteropRealm.user, keytab: interop.userKeytab, cache: cache)
    // With AES among the types, the acceptor would choose an AES subkey for a ticket of this kind.
    let forTicket = try await profile("weak-ticket", types: "arcfour-hmac aes256-cts")
    try await realm.run(
      ["kvno", "-q", "socks/localhost"], environment: ["KRB5_CONFIG": forTicket, "KRB5CCNAME": cache])
    return ["KRB5_CONFIG": try await profile("weak", types: "arcfour-hmac"), "KRB5CCNAME": cache]
  }

  private static func profile(_ name: String, types: String) async throws -> String {
    let realm = try await InteropRealm.ready().realm
    let own = try String(contentsOf: URL(filePath: realm.configurationPath), encoding: .utf8)
    let path = "\(realm.folder)/\(name).conf"
    try Data("[libdefaults]\n  permitted_enctypes = \(types)\n\(own)".utf8).write(to: URL(filePath: path))
    return path
  }
}
