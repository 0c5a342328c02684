internal import CGSSAPI

/// Whose tickets to use, and where they are.
struct KerberosClientChoice {
  /// The cache; `nil` leaves it to the library, which gets a ticket with the client keytab then.
  let cache: String?
  /// The principal to ask the library for; `nil` for the cache's own.
  let identity: String?
  /// The client's realm, where it is known.
  let realm: [UInt8]?

  /// - Throws: `noTicket` when there is neither a ticket nor a key; `cacheUnreadable`.
  init(_ request: KerberosInitiation.Request, _ library: KerberosLibrary) throws(GSSError) {
    let selection = try KerberosCacheSelection(library, cache: request.cache)
    let keytab = KerberosClientKeytab(library, name: request.clientKeytab)
    guard let text = request.identity else {
      let selector = try Self.selector(request, library)
      if let found = try Self.unlessKeys(keytab, { () throws(GSSError) in try selection.cache(for: selector) }) {
        (cache, identity, realm) = (found.name, nil, found.realm)
        return
      }
      guard let first = keytab.firstPrincipal else {
        throw selection.missing("no ticket in \(selection.shownName)", keytab.problem(of: nil))
      }
      (cache, identity, realm) = (request.cache, nil, first.realm)
      return
    }
    var name = try KerberosGatewayName.parsed(text)
    if name.realm == nil, let realm = library.configuredRealm { name = name.inRealm(Array(realm.utf8)) }
    let principal = try KerberosPrincipalObject(name.text, library)
    identity = principal.text
    realm = principal.realm
    if let found = try Self.unlessKeys(keytab, { () throws(GSSError) in try selection.cache(of: principal) }) {
      cache = found.name
      return
    }
    guard keytab.holds(principal) else {
      let others = selection.clients()
      let have = others.isEmpty ? "" : ", only of \(others.joined(separator: ", "))"
      throw selection.missing(
        "no ticket of \(principal.text) in \(selection.shownName)\(have)", keytab.problem(of: principal.text))
    }
    // The library makes a new cache in its default collection. Elsewhere another client's tickets are not written over.
    let isFree = request.cache == nil && selection.isCollection || selection.clients(limit: 1).isEmpty
    cache = isFree ? request.cache : "MEMORY:garter-\(principal.text)"
  }

  /// With keys of the client at hand, a cache that cannot be read is no reason to fail here: the library decides.
  private static func unlessKeys(
    _ keytab: KerberosClientKeytab, _ find: () throws(GSSError) -> KerberosTicketCache?
  ) throws(GSSError) -> KerberosTicketCache? {
    do throws(GSSError) {
      return try find()
    } catch {
      guard keytab.firstPrincipal != nil else { throw error }
      return nil
    }
  }

  private static func selector(
    _ request: KerberosInitiation.Request, _ library: KerberosLibrary
  ) throws(GSSError) -> KerberosPrincipalObject {
    guard case .service(let service, let host) = request.gateway, request.trustsDNS else {
      return try KerberosGatewayName(request.gateway, library).selector(library)
    }
    var principal: krb5_principal?
    let code = unsafe krb5_sname_to_principal(library.raw, host, service, KRB5_NT_SRV_HST, &principal)
    try library.check("krb5_sname_to_principal", code)
    guard let principal = unsafe principal else {
      throw GSSError(code: .unexpectedAnswer, operation: "krb5_sname_to_principal")
    }
    return unsafe KerberosPrincipalObject(owning: principal, library)
  }
}
