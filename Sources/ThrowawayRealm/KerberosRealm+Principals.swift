/// Principals, keys and tickets.
extension KerberosRealm {
  /// Adds a principal.
  ///
  /// - Parameters:
  ///   - principal: its name; without a realm this realm's.
  ///   - password: `nil` for a random key.
  ///   - options: further options of the administration's command, with MIT such as `-maxlife`, `15 seconds`.
  public func addPrincipal(
    _ principal: String, password: String? = nil, options: [String] = []
  ) async throws(KerberosRealmError) {
    switch implementation {
    case .mit:
      let key = password.map { ["-pw", $0] } ?? ["-randkey"]
      try await administer(["addprinc"] + options + key + [principal])
    case .heimdal:
      let key = password.map { "--password=\($0)" } ?? "--random-key"
      try await administer(["add", "--use-defaults", key] + options + [principal])
    }
  }

  /// Removes a principal.
  public func deletePrincipal(_ principal: String) async throws(KerberosRealmError) {
    switch implementation {
    case .mit: try await administer(["delprinc", "-force", principal])
    case .heimdal: try await administer(["delete", principal])
    }
  }

  /// Adds the principals' keys, as they are, to a keytab.
  public func exportKeytab(_ principals: [String], to path: String) async throws(KerberosRealmError) {
    switch implementation {
    case .mit: try await administer(["ktadd", "-norandkey", "-q", "-k", "FILE:\(path)"] + principals)
    case .heimdal: try await administer(["ext_keytab", "--keytab=FILE:\(path)"] + principals)
    }
  }

  /// Gives a principal a new random key with the next version number.
  ///
  /// - Parameter keepOld: whether tickets for the old key can still be used.
  public func changeKey(of principal: String, keepOld: Bool) async throws(KerberosRealmError) {
    switch implementation {
    case .mit: try await administer(["cpw", "-randkey"] + (keepOld ? ["-keepold"] : []) + [principal])
    case .heimdal: try await administer(["cpw", "--random-key"] + (keepOld ? ["--keepold"] : []) + [principal])
    }
  }

  /// Gets a ticket with a key.
  ///
  /// - Parameters:
  ///   - cache: the ticket cache, in the library's spelling (`FILE:…`).
  ///   - lifetime: in the library's spelling (`15s`); `nil` for the realm's longest.
  ///   - options: further options of `kinit`.
  public func obtainTicket(
    for principal: String, keytab: String, cache: String, lifetime: String? = nil, options: [String] = []
  ) async throws(KerberosRealmError) {
    let from = ["-k", "-t", "FILE:\(keytab)"]
    try await run(["kinit", "-c", cache] + from + Self.lifetimeOptions(lifetime) + options + [principal])
  }

  /// Gets a ticket with a password.
  ///
  /// - Parameters:
  ///   - cache: the ticket cache, in the library's spelling (`FILE:…`).
  ///   - lifetime: in the library's spelling (`15s`); `nil` for the realm's longest.
  ///   - options: further options of `kinit`.
  public func obtainTicket(
    for principal: String, password: String, cache: String, lifetime: String? = nil, options: [String] = []
  ) async throws(KerberosRealmError) {
    let command = ["kinit", "-c", cache] + Self.lifetimeOptions(lifetime) + options + [principal]
    try await run(command, input: password + "\n")
  }

  /// Runs a program in this realm, with its environment.
  ///
  /// - Returns: what it wrote to standard output. Throws unless it ends with status 0.
  @discardableResult
  public func run(
    _ command: [String], input: String = "", environment updates: [String: String] = [:]
  ) async throws(KerberosRealmError) -> String {
    let environment = environment.merging(updates) { _, update in update }
    return try await Command(arguments: command, input: input, environment: environment).run()
  }

  private static func lifetimeOptions(_ lifetime: String?) -> [String] {
    lifetime.map { ["-l", $0] } ?? []
  }

  private func administer(_ request: [String]) async throws(KerberosRealmError) {
    switch implementation {
    case .mit:
      try await run(["kadmin.local", "-r", name] + request)
    case .heimdal(let root):
      try await run(
        KerberosRealmConfiguration.heimdalAdministration(root: root, folder: folder, realm: name) + request)
    }
  }
}
