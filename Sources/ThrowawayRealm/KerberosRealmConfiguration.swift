/// What a private realm is like.
public struct KerberosRealmConfiguration: Sendable {
  /// Whose KDC and administration the realm has. Tickets are always obtained with MIT's `kinit`.
  public enum Implementation: Sendable {
    case mit
    /// `root` is the folder where Debian's packages heimdal-kdc and heimdal-clients are unpacked: they cannot be installed
    /// beside MIT's.
    case heimdal(root: String)
  }

  public var implementation = Implementation.mit

  /// The realm's name.
  public var realm = "GARTER.TEST"

  /// The encryption types allowed, the preferred first, in the library's spelling; `nil` for the library's default.
  public var permittedEncryptionTypes: [String]?

  /// Encryption types of the keys that the realm makes, in the library's spelling. Heimdal makes what it always makes.
  public var keyEncryptionTypes = ["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96"]

  /// Host names of the realm; with a dot in front, all below it.
  public var domains = ["localhost", ".test"]

  /// Further lines of `[libdefaults]`.
  public var libraryDefaults: [String: String] = [:]

  public init() {}
}

extension KerberosRealmConfiguration {
  /// The text of `krb5.conf`: nothing in it, or in what it leaves to defaults, reaches outside `folder` and 127.0.0.1.
  func libraryProfile(folder: String, port: Int) -> String {
    var defaults = [
      "default_realm": realm,
      "dns_lookup_kdc": "false",
      "dns_lookup_realm": "false",
      "dns_canonicalize_hostname": "false",
      "rdns": "false",
      "qualify_shortname": "\"\"",
      "default_keytab_name": "FILE:\(folder)/default.keytab",
      "default_client_keytab_name": "FILE:\(folder)/client.keytab",
      "default_ccache_name": "FILE:\(folder)/default.ccache",
      "plugin_base_dir": "\(folder)/plugins",
    ]
    if let permittedEncryptionTypes { defaults["permitted_enctypes"] = permittedEncryptionTypes.joined(separator: " ") }
    defaults.merge(libraryDefaults) { _, given in given }
    return """
      [libdefaults]
      \(defaults.sorted { $0.key < $1.key }.map { "  \($0.key) = \($0.value)" }.joined(separator: "\n"))
      [realms]
        \(realm) = {
          kdc = 127.0.0.1:\(port)
        }
      [domain_realm]
      \(domains.map { "  \($0) = \(realm)" }.joined(separator: "\n"))

      """
  }
}
