/// A private Kerberos realm in a temporary folder, with a key distribution centre on 127.0.0.1: MIT's, or Heimdal's for
/// tests.
///
/// Nothing of the machine's own Kerberos is read or written. The centre and the folder go when ``stop()`` is called,
/// and also when the process ends without it.
public final class KerberosRealm: Sendable {
  /// Ports tried before giving up: each is chosen at random, and may be taken.
  private static let maximumAttempts = 10

  /// Below the range that Linux hands out by itself (32768 and up).
  private static let ports = 20_000..<32_000

  /// The realm's name.
  public let name: String

  /// The folder that holds everything, and is removed at the end.
  public let folder: String

  /// The path of `krb5.conf`.
  public let configurationPath: String

  /// The port of the key distribution centre on 127.0.0.1, UDP and TCP.
  public let port: Int

  /// What a child needs in its environment to live in this realm.
  public let environment: [String: String]

  let implementation: KerberosRealmConfiguration.Implementation

  private let centre: KeyDistributionCentre

  private init(
    _ configuration: KerberosRealmConfiguration, folder: String, port: Int, environment: [String: String],
    centre: KeyDistributionCentre
  ) {
    name = configuration.realm
    implementation = configuration.implementation
    self.folder = folder
    self.port = port
    self.environment = environment
    self.centre = centre
    configurationPath = "\(folder)/krb5.conf"
  }

  /// Makes a realm and returns when its centre listens. Takes a fraction of a second.
  public static func start(
    _ configuration: KerberosRealmConfiguration = KerberosRealmConfiguration()
  ) async throws(KerberosRealmError) -> KerberosRealm {
    for _ in 1..<maximumAttempts {
      do throws(KerberosRealmError) {
        return try await attempt(configuration)
      } catch {
        guard error.diagnostics.contains(KeyDistributionCentre.portIsTaken) else { throw error }
      }
    }
    return try await attempt(configuration)
  }

  /// Makes a realm, lends it, and removes it however `body` ends.
  public static func withRealm<Result>(
    _ configuration: KerberosRealmConfiguration = KerberosRealmConfiguration(),
    _ body: (KerberosRealm) async throws -> Result
  ) async throws -> Result {
    let realm = try await start(configuration)
    do {
      let result = try await body(realm)
      await realm.stop()
      return result
    } catch {
      await realm.stop()
      throw error
    }
  }

  /// Ends the centre and removes the folder; returns when both are gone.
  public func stop() async {
    await centre.stop()
  }

  private static func attempt(
    _ configuration: KerberosRealmConfiguration
  ) async throws(KerberosRealmError) -> KerberosRealm {
    let made = try await Command(arguments: ["mktemp", "-d", "-t", "kerberos-realm.XXXXXXXX"]).run()
    let folder = String(made.prefix { $0 != "\n" })
    let port = Int.random(in: ports)
    let environment = [
      "KRB5_CONFIG": "\(folder)/krb5.conf",
      "KRB5_KDC_PROFILE": "\(folder)/kdc.conf",
      "KRB5_KTNAME": "FILE:\(folder)/default.keytab",
      "KRB5_CLIENT_KTNAME": "FILE:\(folder)/client.keytab",
      "KRB5CCNAME": "FILE:\(folder)/default.ccache",
      "KRB5RCACHEDIR": folder,
    ]
    do throws(KerberosRealmError) {
      try await write(configuration.libraryProfile(folder: folder, port: port), to: "\(folder)/krb5.conf")
      try await write(configuration.centreProfile(folder: folder, port: port), to: "\(folder)/kdc.conf")
      try await write("", to: "\(folder)/kadm5.acl")
      for command in configuration.databaseCommands(folder: folder) {
        try await Command(arguments: command, environment: environment).run()
      }
      let centre = try await KeyDistributionCentre.start(
        configuration.centreProgram(folder: folder, port: port), folder: folder, environment: environment)
      return KerberosRealm(configuration, folder: folder, port: port, environment: environment, centre: centre)
    } catch {
      // The centre's shell removes the folder when it got that far; again does no harm.
      _ = try? await Command(arguments: ["rm", "-rf", "--", folder]).run()
      throw error
    }
  }

  private static func write(_ text: String, to path: String) async throws(KerberosRealmError) {
    try await Command(arguments: ["sh", "-c", "cat > \"$1\"", "sh", path], input: text).run()
  }
}
