import FoundationEssentials
import ThrowawayRealm

/// A realm of one test's own: its keys may be changed, its clocks set.
struct OwnRealm: Sendable {
  static let service = "socks/localhost"

  let realm: KerberosRealm

  var keytab: String { "\(self.realm.folder)/garterd.keytab" }
  var userKeytab: String { "\(self.realm.folder)/alice.keytab" }

  static func lend<Result>(
    libraryDefaults: [String: String] = [:], implementation: KerberosRealmConfiguration.Implementation = .mit,
    _ body: (OwnRealm) async throws -> Result
  ) async throws -> Result {
    var configuration = KerberosRealmConfiguration()
    configuration.libraryDefaults = libraryDefaults
    configuration.implementation = implementation
    return try await KerberosRealm.withRealm(configuration) { realm in
      let own = OwnRealm(realm: realm)
      try await realm.addPrincipal(Self.service)
      try await realm.addPrincipal(InteropRealm.user)
      try await realm.exportKeytab([Self.service], to: own.keytab)
      try await realm.exportKeytab([InteropRealm.user], to: own.userKeytab)
      return try await body(own)
    }
  }

  /// A new ticket, and the environment of a child that uses it.
  func ticket(lifetime: String? = nil) async throws -> [String: String?] {
    let cache = "FILE:\(self.realm.folder)/\(UUID().uuidString).ccache"
    try await self.realm.obtainTicket(
      for: InteropRealm.user, keytab: self.userKeytab, cache: cache, lifetime: lifetime)
    return self.realm.environment.merging(["KRB5CCNAME": cache]) { $1 }.mapValues { $0 }
  }

  /// Runs a gateway in this realm, and stops it however `body` ends.
  func runGateway<Result>(
    _ configuration: GatewayConfiguration = GatewayConfiguration(), _ body: (Gateway) async throws -> Result
  ) async throws -> Result {
    let base = "\(self.realm.folder)/garterd-\(UUID().uuidString)"
    let text = configuration.text(keytab: self.keytab, replayCache: "\(base).replay")
    try Data(text.utf8).write(to: URL(filePath: "\(base).yaml"))
    let child = try await Child.start(
      [try Programs.garterd(), "run", "--config", "\(base).yaml"],
      environment: self.realm.environment.mapValues { $0 })
    do {
      let line = try await child.diagnostics.first(within: .seconds(20)) { LogLine($0).message == "listening" }
      let addresses = line.flatMap { LogLine($0).metadata["addresses"] }?.split(separator: " ").map(String.init) ?? []
      guard let first = addresses.first else { throw GatewayError(account: await child.account) }
      let gateway = Gateway(child: child, address: first, addresses: addresses, replayCache: "\(base).replay")
      let result = try await body(gateway)
      try await gateway.stop()
      return result
    } catch {
      await child.abandon()
      throw error
    }
  }
}
