internal import CGSSAPI

/// A keytab with the library's context that it was opened in; both are closed exactly once.
@safe
struct OpenKeytab: ~Copyable {
  private let context: krb5_context
  private let keytab: krb5_keytab

  /// - Parameter name: in the library's spelling: a path, or `TYPE:NAME`. Nothing is read yet.
  init(_ name: String) throws(GSSError) {
    KerberosEnvironment.libraryReadsFiles()
    guard !name.utf8.contains(0) else { throw .misuse("OpenKeytab", "a name with a zero byte") }
    var context: krb5_context?
    let code = unsafe krb5_init_context(&context)
    guard code == 0, let context = unsafe context else { throw KerberosEnvironment.contextError(code) }
    var keytab: krb5_keytab?
    let resolution = unsafe krb5_kt_resolve(context, name, &keytab)
    guard resolution == 0, let keytab = unsafe keytab else {
      let error = unsafe KerberosLibraryError.make("krb5_kt_resolve", resolution, context)
      unsafe krb5_free_context(context)
      throw error
    }
    unsafe self.context = unsafe context
    unsafe self.keytab = unsafe keytab
  }

  deinit {
    _ = unsafe krb5_kt_close(context, keytab)
    unsafe krb5_free_context(context)
  }

  /// Lends each entry to `body`, in the keytab's order, up to ``KerberosKeytab/maximumEntries``.
  func forEachEntry(_ body: (borrowing LentEntry) throws(GSSError) -> Void) throws(GSSError) {
    var cursor: krb5_kt_cursor?
    unsafe try check("krb5_kt_start_seq_get", krb5_kt_start_seq_get(context, keytab, &cursor))
    defer { _ = unsafe krb5_kt_end_seq_get(context, keytab, &cursor) }
    for _ in 0..<KerberosKeytab.maximumEntries {
      var entry = unsafe krb5_keytab_entry()
      let code = unsafe krb5_kt_next_entry(context, keytab, &entry, &cursor)
      guard code != KRB5_KT_END else { return }
      try check("krb5_kt_next_entry", code)
      // Also wipes the key.
      defer { _ = unsafe krb5_free_keytab_entry_contents(context, &entry) }
      try unsafe body(LentEntry(entry: entry, context: context))
    }
  }

  /// Adds the entries of a principal of another keytab, keys and all.
  func addEntries(of server: KerberosTicketServer, in other: borrowing OpenKeytab) throws(GSSError) {
    var copied = 0
    try other.forEachEntry { lent throws(GSSError) in
      guard lent.server?.isSamePrincipal(as: server) == true else { return }
      var entry = unsafe lent.entry
      unsafe try check("krb5_kt_add_entry", krb5_kt_add_entry(context, keytab, &entry))
      copied += 1
    }
    guard copied > 0 else { throw .noKey(of: server) }
  }

  private func check(_ operation: String, _ code: krb5_error_code) throws(GSSError) {
    guard code != 0 else { return }
    throw unsafe KerberosLibraryError.make(operation, code, context)
  }

  /// An entry for the time of one call.
  @safe
  struct LentEntry: ~Copyable {
    fileprivate let entry: krb5_keytab_entry
    fileprivate let context: krb5_context

    var version: UInt32 { unsafe UInt32(entry.vno) }
    var encryptionType: Int32 { unsafe entry.key.enctype }

    /// The principal as the library writes it.
    func text() throws(GSSError) -> String {
      var text: UnsafeMutablePointer<CChar>?
      let code = unsafe krb5_unparse_name(context, entry.principal, &text)
      guard code == 0, let text = unsafe text else {
        throw unsafe KerberosLibraryError.make("krb5_unparse_name", code, context)
      }
      defer { unsafe krb5_free_unparsed_name(context, text) }
      return unsafe String(cString: text)
    }

    /// The principal in its parts; `nil` where it exceeds the bounds of that type.
    var server: KerberosTicketServer? {
      guard let principal = unsafe entry.principal, let count = unsafe Int(exactly: principal.pointee.length),
        (1...KerberosTicketServer.maximumComponents).contains(count), let parts = unsafe principal.pointee.data
      else { return nil }
      let components = (0..<count).map { unsafe Self.bytes(parts[$0]) }
      return unsafe KerberosTicketServer(
        realm: Self.bytes(principal.pointee.realm), nameType: principal.pointee.type, components: components)
    }

    private static func bytes(_ data: krb5_data) -> [UInt8] {
      guard let start = unsafe data.data, let count = unsafe Int(exactly: data.length) else { return [] }
      return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }
  }
}

/// Errors of libkrb5's own calls.
enum KerberosLibraryError {
  /// Takes the library's text at once, for the next call on this context replaces it.
  ///
  /// - Parameter context: `nil` where there is none, because the configuration cannot be read.
  static func make(
    _ operation: String, _ code: krb5_error_code, _ context: krb5_context?, more: [String] = []
  ) -> GSSError {
    var messages: [String] = []
    if let text = unsafe krb5_get_error_message(context, code) {
      unsafe messages.append(String(cString: text))
      unsafe krb5_free_error_message(context, text)
    }
    return GSSError(
      code: code == 0 ? .unexpectedAnswer : .failure, operation: operation, minor: code, mechanism: .krb5,
      minorMessages: messages + more)
  }
}
