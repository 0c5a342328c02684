internal import CGSSAPI

/// The gateway's principal, as far as it is known without the client.
struct KerberosGatewayName {
  private let name: KerberosPrincipalName
  /// The host, where there is one: `service/host`.
  private let host: String?

  /// The realm is the one that the text names; or else that of `[domain_realm]` for the host of a service, the
  /// configuration's default realm for a principal.
  init(_ gateway: KerberosInitiation.Gateway, _ library: KerberosLibrary) throws(GSSError) {
    switch gateway {
    case .service(let service, let host):
      let host = Self.folded(host)
      guard !service.isEmpty, !host.isEmpty, !(service + host).utf8.contains(0) else {
        throw .misuse("KerberosInitiation", "no service and host: '\(service)', '\(host)'")
      }
      self.host = host
      name = KerberosPrincipalName(
        components: [Array(service.utf8), Array(host.utf8)], realm: library.realm(ofHost: host).map { Array($0.utf8) })
    case .principal(let text):
      let parsed = try Self.parsed(text)
      host = nil
      name = parsed.realm == nil ? library.configuredRealm.map { parsed.inRealm(Array($0.utf8)) } ?? parsed : parsed
    }
  }

  static func parsed(_ text: String) throws(GSSError) -> KerberosPrincipalName {
    guard let name = KerberosPrincipalName(text) else {
      throw .misuse("KerberosInitiation", "'\(text)' is not a Kerberos principal (NAME/HOST@REALM)")
    }
    return name
  }

  /// The principal to ask for: one whose type the library does not canonicalize, and a KDC refers to other realms.
  ///
  /// - Parameter clientRealm: for a name whose realm nobody has named. Never empty in the result, because for an empty one
  ///   the library guesses, which DNS can answer (`dns_lookup_realm`).
  func object(clientRealm: [UInt8]?, _ library: KerberosLibrary) throws(GSSError) -> KerberosPrincipalObject {
    guard let realm = name.realm ?? clientRealm, !realm.isEmpty else {
      throw GSSError(
        code: .noTicket, operation: "KerberosInitiation", mechanism: .krb5,
        minorMessages: ["neither a ticket nor krb5.conf says in which realm \(name) is"])
    }
    let type = name.components.count > 1 ? KRB5_NT_SRV_INST : KRB5_NT_PRINCIPAL
    return try KerberosPrincipalObject(name.inRealm(realm).text, type: type, library)
  }

  /// For the choice of a cache, with the type that the library's rules expect. Where nothing names the realm it is the one
  /// that the library would guess without DNS: the parent domain's name in capitals.
  func selector(_ library: KerberosLibrary) throws(GSSError) -> KerberosPrincipalObject {
    let type = host == nil && name.components.count != 2 ? KRB5_NT_PRINCIPAL : KRB5_NT_SRV_HST
    let parent = host.flatMap { host in host.firstIndex(of: ".").map { host[host.index(after: $0)...] } }
    let realm = name.realm ?? Array((parent.map { $0.uppercased() } ?? library.configuredRealm ?? "").utf8)
    return try KerberosPrincipalObject(name.inRealm(realm).text, type: type, library)
  }

  /// Lower case, without a final dot. Names beyond ASCII are A-labels by now.
  private static func folded(_ host: String) -> String {
    let name = host.hasSuffix(".") ? String(host.dropLast()) : host
    return name.lowercased()
  }
}
