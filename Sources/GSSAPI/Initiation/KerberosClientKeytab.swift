internal import CGSSAPI

/// The keytab that the library would get tickets with (`--client-keytab`, `KRB5_CLIENT_KTNAME`).
struct KerberosClientKeytab {
  private let library: KerberosLibrary
  private let name: String?

  /// A keytab that cannot be read is one without keys: the library treats it so.
  ///
  /// - Parameter name: `nil` for the library's default.
  init(_ library: KerberosLibrary, name: String?) {
    self.library = library
    self.name = name
  }

  /// Read only when they are needed: where there are tickets, nobody asks.
  private var principals: [String] {
    guard let known = name ?? Self.defaultName(library) else { return [] }
    return ((try? KerberosKeytab.entries(of: known)) ?? []).map(\.principal)
  }

  /// The client that the library takes when none is named.
  var firstPrincipal: KerberosPrincipalObject? {
    principals.first.flatMap { try? KerberosPrincipalObject($0, library) }
  }

  func holds(_ principal: KerberosPrincipalObject) -> Bool {
    principals.contains(principal.text)
  }

  /// Why the keytab that was named gives no tickets; `nil` where none was named.
  ///
  /// - Parameter client: whose; `nil` for anybody's.
  func problem(of client: String?) -> String? {
    guard let name else { return nil }
    do throws(GSSError) {
      let count = try KerberosKeytab.entries(of: name).count
      guard count > 0, let client else { return "the client keytab \(name) has no keys" }
      return "the client keytab \(name) has no key of \(client)"
    } catch {
      return "the client keytab \(name) cannot be read: \(error.reason)"
    }
  }

  private static func defaultName(_ library: KerberosLibrary) -> String? {
    var keytab: krb5_keytab?
    guard unsafe krb5_kt_client_default(library.raw, &keytab) == 0, let keytab = unsafe keytab else { return nil }
    defer { _ = unsafe krb5_kt_close(library.raw, keytab) }
    // The library's own names have at most 4,096 bytes.
    var name = [CChar](repeating: 0, count: 8_192)
    let code = unsafe name.withUnsafeMutableBufferPointer { buffer in
      unsafe krb5_kt_get_name(library.raw, keytab, buffer.baseAddress, UInt32(clamping: buffer.count))
    }
    guard code == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
