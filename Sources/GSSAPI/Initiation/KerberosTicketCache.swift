internal import CGSSAPI

/// A ticket cache that holds tickets of one client.
struct KerberosTicketCache: Hashable, Sendable {
  /// In the library's spelling: `FILE:/tmp/krb5cc_1000`, `DIR::/run/user/1000/krb5cc/tkt`.
  let name: String
  /// Whose tickets these are. Of any content: escape it where it is shown or logged.
  let client: String
  let realm: [UInt8]
}

/// Finds the cache to use: in the one that is named, or in the collection that it is (`DIR:`, `KCM:`, `KEYRING:`).
///
/// The library chooses in its default collection only; of a collection that is named in a credential store it takes the
/// primary cache. So the choice is made here, by the library's own rules, in a context of this call's own.
struct KerberosCacheSelection {
  private let library: KerberosLibrary
  /// As it was named, or as the environment or the configuration name it; for messages.
  let name: String

  /// - Parameter name: `nil` for the library's default.
  init(_ library: KerberosLibrary, cache name: String?) throws(GSSError) {
    self.library = library
    if let name {
      unsafe try library.check("krb5_cc_set_default_name", krb5_cc_set_default_name(library.raw, name))
    }
    if let known = unsafe krb5_cc_default_name(library.raw) {
      self.name = unsafe String(cString: known)
    } else {
      self.name = name ?? ""
    }
  }

  /// The cache that holds tickets of this client; `nil` when none does.
  ///
  /// - Throws: `cacheUnreadable`.
  func cache(of client: KerberosPrincipalObject) throws(GSSError) -> KerberosTicketCache? {
    var cache: krb5_ccache?
    let code = unsafe try client.withPointer { unsafe krb5_cc_cache_match(library.raw, $0, &cache) }
    if let cache = unsafe cache { return unsafe try found(cache) }
    guard code != KRB5_CC_NOTFOUND else {
      // Matching passes over what cannot be read.
      _ = try primary()
      return nil
    }
    throw failure("krb5_cc_cache_match", code)
  }

  /// The cache for tickets to this service: by `.k5identity`, by realm, by host, else the primary one. `nil` when there is
  /// none.
  ///
  /// - Throws: `cacheUnreadable`.
  func cache(for service: KerberosPrincipalObject) throws(GSSError) -> KerberosTicketCache? {
    guard isCollection else { return try primary() }
    var cache: krb5_ccache?
    var client: krb5_principal?
    let code = unsafe try service.withPointer { unsafe krb5_cc_select(library.raw, $0, &cache, &client) }
    let identity = unsafe client.map { unsafe KerberosPrincipalObject(owning: $0, library) }
    if let cache = unsafe cache { return unsafe try found(cache) }
    guard code == 0 || code == KRB5_CC_NOTFOUND else { throw failure("krb5_cc_select", code) }
    // `.k5identity` names a client that has no tickets here.
    if let identity { throw missing("\(shownName) has no ticket of \(identity.text), which .k5identity names") }
    return try primary()
  }

  /// For a message: which clients have tickets here, at most `limit` of them.
  func clients(limit: Int = 8) -> [String] {
    var cursor: krb5_cccol_cursor?
    guard unsafe krb5_cccol_cursor_new(library.raw, &cursor) == 0 else { return [] }
    defer { _ = unsafe krb5_cccol_cursor_free(library.raw, &cursor) }
    var names: [String] = []
    while names.count < limit {
      var cache: krb5_ccache?
      guard unsafe krb5_cccol_cursor_next(library.raw, cursor, &cache) == 0, let cache = unsafe cache else { break }
      if let found = unsafe try? found(cache) { names.append(found.client) }
    }
    return names
  }

  /// - Parameter more: another reason, or `nil`.
  func missing(_ text: String, _ more: String? = nil) -> GSSError {
    GSSError(
      code: .noTicket, operation: "KerberosCacheSelection", mechanism: .krb5,
      minorMessages: [text] + (more.map { [$0] } ?? []))
  }

  var shownName: String { name.isEmpty ? "a cache without a name (KRB5CCNAME is empty)" : name }

  /// Whether there may be several caches.
  var isCollection: Bool {
    // `DIR::/path` is one cache of a collection.
    guard !name.hasPrefix("DIR::") else { return false }
    return ["DIR:", "KCM:", "KEYRING:", "API:"].contains { name.hasPrefix($0) }
  }

  /// The cache that is named, or the primary one of its collection; `nil` when there is none.
  private func primary() throws(GSSError) -> KerberosTicketCache? {
    var cache: krb5_ccache?
    let code = unsafe krb5_cc_default(library.raw, &cache)
    guard code == 0, let cache = unsafe cache else { throw failure("krb5_cc_default", code) }
    do throws(GSSError) {
      return unsafe try found(cache)
    } catch {
      // Neither is a fault: there is no such cache yet, or no ticket in it.
      guard error.minor == KRB5_FCC_NOFILE || error.minor == KRB5_CC_NOTFOUND else { throw error }
      return nil
    }
  }

  /// Closes the cache.
  private func found(_ cache: krb5_ccache) throws(GSSError) -> KerberosTicketCache {
    defer { _ = unsafe krb5_cc_close(library.raw, cache) }
    var principal: krb5_principal?
    let code = unsafe krb5_cc_get_principal(library.raw, cache, &principal)
    guard code == 0, let principal = unsafe principal else { throw failure("krb5_cc_get_principal", code) }
    let client = unsafe KerberosPrincipalObject(owning: principal, library)
    return KerberosTicketCache(
      name: unsafe fullName(cache) ?? name, client: client.text, realm: client.realm)
  }

  private func fullName(_ cache: krb5_ccache) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard unsafe krb5_cc_get_full_name(library.raw, cache, &text) == 0, let text = unsafe text else { return nil }
    defer { unsafe krb5_free_string(library.raw, text) }
    return unsafe String(cString: text)
  }

  private func failure(_ operation: String, _ code: krb5_error_code) -> GSSError {
    GSSError(
      code: .cacheUnreadable, operation: operation, minor: code, mechanism: .krb5,
      minorMessages: ["'\(name)': \(library.text(code))"])
  }
}
