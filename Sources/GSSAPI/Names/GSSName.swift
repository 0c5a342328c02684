internal import CGSSAPI

/// A name in the library's form (RFC 2743 section 4).
///
/// Immutable, so any number of threads may use one: the library only reads names after it has made them.
@safe
public final class GSSName: @unchecked Sendable {
  /// Longer names are not sent to the library.
  public static let maximumOctets = 65_535

  let handle: gss_name_t

  /// Takes the handle over and releases it once.
  init(owning handle: gss_name_t) {
    unsafe self.handle = unsafe handle
  }

  deinit {
    var handle: gss_name_t? = unsafe self.handle
    var minor: OM_uint32 = 0
    _ = unsafe gss_release_name(&minor, &handle)
  }

  /// A service on a host, `socks@gate.example.com`; the service alone means any host of it in a keytab.
  public static func hostBased(_ text: String) throws(GSSError) -> GSSName {
    unsafe try imported(Array(text.utf8), kind: cgssapi_nt_hostbased_service())
  }

  /// A Kerberos principal, `socks/gate.example.com@EXAMPLE.COM`; without a realm the default realm's.
  public static func kerberosPrincipal(_ text: String) throws(GSSError) -> GSSName {
    unsafe try imported(Array(text.utf8), kind: cgssapi_nt_krb5_principal())
  }

  /// A Kerberos principal as libkrb5 has it, its type included: the text of a name does not show it.
  static func kerberosPrincipal(_ principal: KerberosPrincipalObject) throws(GSSError) -> GSSName {
    // Until it is canonicalized the name holds only the pointer.
    let name = unsafe try principal.withPointer { pointer throws(GSSError) in
      let octets = unsafe withUnsafeBytes(of: pointer) { unsafe Array($0) }
      return unsafe try imported(octets, kind: cgssapi_nt_krb5_principal_object()).canonicalized(for: .krb5)
    }
    return name
  }

  /// A user of this system.
  public static func userName(_ text: String) throws(GSSError) -> GSSName {
    unsafe try imported(Array(text.utf8), kind: cgssapi_nt_user_name())
  }

  /// A name in the form that ``exported(for:)`` gives (RFC 2743 section 3.2).
  public static func exported(_ octets: [UInt8]) throws(GSSError) -> GSSName {
    unsafe try imported(octets, kind: cgssapi_nt_export_name())
  }

  /// The name as text. Of any content: escape it where it is shown or logged.
  public func display() throws(GSSError) -> String {
    KerberosEnvironment.libraryUsed()
    var minor: OM_uint32 = 0
    var text = LibraryBuffer()
    let major = unsafe gss_display_name(&minor, handle, &text.descriptor, nil)
    try GSSError.check("gss_display_name", major, minor)
    return text.text()
  }

  /// The same name as `mechanism` would know it: with the realm, with the host's canonical spelling.
  public func canonicalized(for mechanism: GSSMechanism) throws(GSSError) -> GSSName {
    var minor: OM_uint32 = 0
    var result: gss_name_t?
    let major = unsafe mechanism.withIdentifier { unsafe gss_canonicalize_name(&minor, handle, $0, &result) }
    try GSSError.check("gss_canonicalize_name", major, minor, mechanism)
    return unsafe try Self.owning(result, operation: "gss_canonicalize_name")
  }

  /// The mechanism's canonical octets for this name: equal octets, equal principals (RFC 2743 section 3.2).
  public func exported(for mechanism: GSSMechanism) throws(GSSError) -> [UInt8] {
    let name = try canonicalized(for: mechanism)
    var minor: OM_uint32 = 0
    var octets = LibraryBuffer()
    let major = unsafe gss_export_name(&minor, name.handle, &octets.descriptor)
    try GSSError.check("gss_export_name", major, minor, mechanism)
    return octets.octets()
  }

  /// The user of this system that `mechanism` maps the name to (Kerberos: `auth_to_local` of the configuration).
  ///
  /// Throws when it maps to none. Decide access on the whole principal; this is for what needs a user's name.
  public func localName(for mechanism: GSSMechanism) throws(GSSError) -> String {
    var minor: OM_uint32 = 0
    var text = LibraryBuffer()
    let major = unsafe mechanism.withIdentifier { unsafe gss_localname(&minor, handle, $0, &text.descriptor) }
    try GSSError.check("gss_localname", major, minor, mechanism)
    return text.text()
  }

  private static func imported(_ octets: [UInt8], kind: gss_OID?) throws(GSSError) -> GSSName {
    guard octets.count <= maximumOctets else {
      throw .misuse("GSSName", "a name of \(octets.count) bytes, more than \(maximumOctets)")
    }
    KerberosEnvironment.libraryUsed()
    var minor: OM_uint32 = 0
    var name: gss_name_t?
    let major = unsafe octets.withUnsafeBytes { bytes in
      var text = unsafe gss_buffer_desc(lending: bytes)
      return unsafe gss_import_name(&minor, &text, kind, &name)
    }
    try GSSError.check("gss_import_name", major, minor)
    return unsafe try owning(name, operation: "gss_import_name")
  }

  private static func owning(_ handle: gss_name_t?, operation: String) throws(GSSError) -> GSSName {
    guard let handle = unsafe handle else { throw GSSError(code: .unexpectedAnswer, operation: operation) }
    return unsafe GSSName(owning: handle)
  }
}

extension GSSName: CustomStringConvertible {
  public var description: String {
    (try? display()) ?? "name without text"
  }
}
