/// What the two implementations of a KDC want to be told.
extension KerberosRealmConfiguration {
  /// The text of the KDC's configuration.
  func centreProfile(folder: String, port: Int) -> String {
    switch implementation {
    case .mit:
      """
      [kdcdefaults]
        kdc_listen = 127.0.0.1:\(port)
        kdc_tcp_listen = 127.0.0.1:\(port)
      [realms]
        \(realm) = {
          database_name = \(folder)/principal
          key_stash_file = \(folder)/stash
          acl_file = \(folder)/kadm5.acl
          max_life = 24h
          max_renewable_life = 24h
          supported_enctypes = \(keyEncryptionTypes.map { "\($0):normal" }.joined(separator: " "))
        }
      [logging]
        kdc = STDERR

      """
    case .heimdal:
      // Without log_file the changes are logged in the machine's own folder.
      """
      [kdc]
        database = {
          dbname = \(folder)/principal
          realm = \(realm)
          mkey_file = \(folder)/stash
          acl_file = \(folder)/kadm5.acl
          log_file = \(folder)/changes
        }
      [logging]
        kdc = 0-/STDERR

      """
    }
  }

  /// What makes the database, one command after the other.
  func databaseCommands(folder: String) -> [[String]] {
    switch implementation {
    case .mit:
      [["kdb5_util", "create", "-r", realm, "-s", "-W", "-P", "throwaway"]]
    case .heimdal(let root):
      [
        Self.heimdalAdministration(root: root, folder: folder, realm: realm) + [
          "init", "--realm-max-ticket-life=24h", "--realm-max-renewable-life=24h", realm,
        ]
      ]
    }
  }

  func centreProgram(folder: String, port: Int) -> KeyDistributionCentre.Program {
    switch implementation {
    case .mit:
      KeyDistributionCentre.Program(command: ["krb5kdc", "-n"], readyMark: "commencing operation")
    case .heimdal(let root):
      KeyDistributionCentre.Program(
        command: [
          "\(root)/usr/lib/heimdal-servers/kdc", "--config-file=\(folder)/kdc.conf", "--addresses=127.0.0.1",
          "--ports=\(port)",
        ], readyMark: "KDC worker process started")
    }
  }

  static func heimdalAdministration(root: String, folder: String, realm: String) -> [String] {
    ["\(root)/usr/bin/kadmin.heimdal", "--local", "--config-file=\(folder)/kdc.conf", "--realm=\(realm)"]
  }
}
