internal import CGSSAPI

/// A principal in libkrb5's memory. Belongs to the thread of its context.
@safe
final class KerberosPrincipalObject {
  private let raw: krb5_principal
  private let library: KerberosLibrary

  /// - Parameters:
  ///   - text: with its realm; without one the realm is empty.
  ///   - type: a kind of name that the library does not canonicalize, such as `KRB5_NT_SRV_INST`; `nil` for what the
  ///     library makes of the text.
  convenience init(_ text: String, type: Int32? = nil, _ library: KerberosLibrary) throws(GSSError) {
    var principal: krb5_principal?
    let code = unsafe krb5_parse_name_flags(library.raw, text, KRB5_PRINCIPAL_PARSE_NO_DEF_REALM, &principal)
    try library.check("krb5_parse_name", code)
    guard let principal = unsafe principal else {
      throw GSSError(code: .unexpectedAnswer, operation: "krb5_parse_name")
    }
    if let type { unsafe principal.pointee.type = type }
    unsafe self.init(owning: principal, library)
  }

  /// Takes the principal over and frees it once.
  init(owning principal: krb5_principal, _ library: KerberosLibrary) {
    unsafe raw = unsafe principal
    self.library = library
  }

  deinit {
    unsafe krb5_free_principal(library.raw, raw)
  }

  func withPointer<Result>(_ body: (krb5_principal) throws(GSSError) -> Result) throws(GSSError) -> Result {
    unsafe try body(raw)
  }

  /// The principal as text, its realm included. Of any content: escape it where it is shown or logged.
  var text: String {
    var text: UnsafeMutablePointer<CChar>?
    guard unsafe krb5_unparse_name(library.raw, raw, &text) == 0, let text = unsafe text else { return "" }
    defer { unsafe krb5_free_unparsed_name(library.raw, text) }
    return unsafe String(cString: text)
  }

  var realm: [UInt8] {
    guard let data = unsafe raw.pointee.realm.data else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: data, count: Int(raw.pointee.realm.length)))
  }
}
