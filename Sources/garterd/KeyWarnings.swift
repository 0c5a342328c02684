import GSSAPI
import Platform
import SOCKSCore
import SOCKSGSSAPI
import SOCKSServer

/// What `check` finds doubtful in the keys that are served. Each is a line.
struct KeyWarnings {
  let all: [String]

  /// - Parameters:
  ///   - hostName: this machine's own.
  ///   - hosts: the contents of the hosts file. Name servers are not asked: they may not be right.
  init(_ served: ServedPrincipals, configuration: Configuration, hostName: String, hosts: String) {
    self.all =
      Self.weak(served) + Self.unserved(served, Self.names(of: hostName, hosts: hosts))
      + Self.misspelledRealms(served, configuration)
  }

  /// Principals whose newest keys are for RC4 or DES alone.
  private static func weak(_ served: ServedPrincipals) -> [String] {
    served.principals.compactMap { principal in
      guard principal.newestKeys.allSatisfy(\.isWeak) else { return nil }
      return
        "\(shown(principal.server)) has only \(principal.newestKeys.map(\.encryptionTypeName).joined(separator: ", ")) "
        + "keys, which are weak; give it AES keys (in Active Directory set msDS-SupportedEncryptionTypes to 24, then "
        + "change the account's password and the keytab)"
    }
  }

  /// Names of this machine that clients may type, and that no key is for.
  private static func unserved(_ served: ServedPrincipals, _ names: [String]) -> [String] {
    let hosts = Set(
      served.principals.compactMap {
        $0.server.components.last.map { String(decoding: $0, as: UTF8.self).lowercased() }
      })
    let services = served.services.map { "\($0)/…" }.joined(separator: " or ")
    return names.filter { !hosts.contains($0.lowercased()) }.map {
      "no key is for \(escaped($0)), a name of this machine; clients that use it are refused (add a key for \(services) "
        + "with that name, or have them use another one)"
    }
  }

  /// The machine's name, and what the hosts file has beside it; only names with a dot, which are those that clients use.
  static func names(of hostName: String, hosts: String) -> [String] {
    var names = [hostName]
    for line in hosts.split(separator: "\n") {
      let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
      if words.contains(where: { $0.lowercased() == hostName.lowercased() }) { names += words }
    }
    var seen: Set<String> = []
    return names.filter { name in
      name.contains(".") && !name.lowercased().hasPrefix("localhost") && seen.insert(name.lowercased()).inserted
    }
  }

  private static func misspelledRealms(_ served: ServedPrincipals, _ configuration: Configuration) -> [String] {
    let realms = Set(served.principals.map(\.server.realm))
    var seen: Set<[UInt8]> = []
    return configuration.realmsInRules.compactMap { realm in
      guard !realms.contains(realm), seen.insert(realm).inserted,
        let other = realms.first(where: { folded($0) == folded(realm) })
      else { return nil }
      let text = String(decoding: realm, as: UTF8.self)
      return
        "rules name the realm \(escaped(text)), and the keytab has \(escaped(String(decoding: other, as: UTF8.self))): "
        + "realm names are case-sensitive, so these rules do not match"
    }
  }

  private static func folded(_ bytes: [UInt8]) -> [UInt8] { bytes.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 } }

  private static func shown(_ server: KerberosTicketServer) -> String { escaped(server.description) }
}
