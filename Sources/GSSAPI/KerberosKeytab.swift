internal import CGSSAPI

/// What stands in a keytab, without its keys. Asked of libkrb5, since GSS-API has no call for it.
public enum KerberosKeytab {
  public struct Entry: Hashable, Sendable {
    /// The principal as text. Of any content: escape it where it is shown or logged.
    public let principal: String
    /// The key version number.
    public let version: UInt32
    /// The key's encryption type (RFC 3961).
    public let encryptionType: Int32
  }

  /// The most entries that are looked at.
  public static let maximumEntries = 10_000

  /// The entries of a keytab, in its order.
  ///
  /// - Parameter name: in the library's spelling: a path, or `TYPE:NAME`.
  public static func entries(of name: String) throws(GSSError) -> [Entry] {
    KerberosEnvironment.libraryUsed()
    var context: krb5_context?
    let code = unsafe krb5_init_context(&context)
    guard code == 0, let context = unsafe context else {
      throw GSSError(code: .failure, operation: "krb5_init_context", minor: code, mechanism: .krb5)
    }
    defer { unsafe krb5_free_context(context) }
    var keytab: krb5_keytab?
    unsafe try check("krb5_kt_resolve", krb5_kt_resolve(context, name, &keytab), context)
    guard let keytab = unsafe keytab else { throw GSSError(code: .unexpectedAnswer, operation: "krb5_kt_resolve") }
    defer { _ = unsafe krb5_kt_close(context, keytab) }
    return unsafe try entries(of: keytab, context)
  }

  private static func entries(of keytab: krb5_keytab, _ context: krb5_context) throws(GSSError) -> [Entry] {
    var cursor: krb5_kt_cursor?
    unsafe try check("krb5_kt_start_seq_get", krb5_kt_start_seq_get(context, keytab, &cursor), context)
    defer { _ = unsafe krb5_kt_end_seq_get(context, keytab, &cursor) }
    var result: [Entry] = []
    while result.count < maximumEntries {
      var entry = unsafe krb5_keytab_entry()
      let code = unsafe krb5_kt_next_entry(context, keytab, &entry, &cursor)
      guard code != KRB5_KT_END else { break }
      unsafe try check("krb5_kt_next_entry", code, context)
      // Also wipes the key.
      defer { _ = unsafe krb5_free_keytab_entry_contents(context, &entry) }
      var text: UnsafeMutablePointer<CChar>?
      unsafe try check("krb5_unparse_name", krb5_unparse_name(context, entry.principal, &text), context)
      guard let text = unsafe text else { throw GSSError(code: .unexpectedAnswer, operation: "krb5_unparse_name") }
      defer { unsafe krb5_free_unparsed_name(context, text) }
      unsafe result.append(
        Entry(principal: String(cString: text), version: UInt32(entry.vno), encryptionType: entry.key.enctype))
    }
    return result
  }

  /// Takes the library's text at once, for the next call on this context replaces it.
  private static func check(
    _ operation: String, _ code: krb5_error_code, _ context: krb5_context
  ) throws(GSSError) {
    guard code != 0 else { return }
    var messages: [String] = []
    if let text = unsafe krb5_get_error_message(context, code) {
      unsafe messages.append(String(cString: text))
      unsafe krb5_free_error_message(context, text)
    }
    throw GSSError(code: .failure, operation: operation, minor: code, mechanism: .krb5, minorMessages: messages)
  }
}
