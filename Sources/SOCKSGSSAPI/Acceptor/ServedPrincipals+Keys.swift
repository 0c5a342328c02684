extension ServedPrincipals.Principal {
  /// The keys of the highest version.
  public var newestKeys: [ServedPrincipals.Key] {
    let newest = self.keys.map(\.version).max()
    return self.keys.filter { $0.version == newest }
  }
}

extension ServedPrincipals.Key {
  /// As `klist -e` shows it; the number where this is not known.
  public var encryptionTypeName: String {
    switch self.encryptionType {
    case 1: "des-cbc-crc"
    case 2: "des-cbc-md4"
    case 3: "des-cbc-md5"
    case 16: "des3-cbc-sha1"
    case 17: "aes128-cts-hmac-sha1-96"
    case 18: "aes256-cts-hmac-sha1-96"
    case 19: "aes128-cts-hmac-sha256-128"
    case 20: "aes256-cts-hmac-sha384-192"
    case 23: "arcfour-hmac"
    case 24: "arcfour-hmac-exp"
    case 25: "camellia128-cts-cmac"
    case 26: "camellia256-cts-cmac"
    default: "\(self.encryptionType)"
    }
  }

  /// DES (RFC 6649), triple DES and RC4 (RFC 8429).
  public var isWeak: Bool { [1, 2, 3, 5, 7, 16, 23, 24].contains(self.encryptionType) }
}
