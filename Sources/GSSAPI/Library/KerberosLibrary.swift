#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif
internal import CGSSAPI

/// One context of libkrb5, for what GSS-API has no calls for. Belongs to one thread.
@safe
final class KerberosLibrary {
  let raw: krb5_context

  /// - Throws: `configurationUnreadable`, naming the file.
  init() throws(GSSError) {
    KerberosEnvironment.libraryUsed()
    var context: krb5_context?
    let code = unsafe krb5_init_context(&context)
    guard code == 0, let context = unsafe context else {
      throw GSSError(
        code: .configurationUnreadable, operation: "krb5_init_context", minor: code, mechanism: .krb5,
        minorMessages: [unsafe "\(Self.configurationFile): \(Self.text(code, nil))"]
          + ConfigurationFiles.current().faults)
    }
    unsafe raw = unsafe context
  }

  deinit {
    unsafe krb5_free_context(raw)
  }

  /// The library's text for a failure of a call on this context; the next call replaces it.
  func text(_ code: krb5_error_code) -> String {
    unsafe Self.text(code, raw)
  }

  /// Throws unless `code` is a success, with the text taken at once.
  func check(_ operation: String, _ code: krb5_error_code) throws(GSSError) {
    guard code != 0 else { return }
    throw GSSError(code: .failure, operation: operation, minor: code, mechanism: .krb5, minorMessages: [text(code)])
  }

  /// `libdefaults/default_realm` of the configuration. The library's own answer may come from DNS.
  var configuredRealm: String? {
    var profile: profile_t?
    guard unsafe krb5_get_profile(raw, &profile) == 0, let profile = unsafe profile else { return nil }
    defer { unsafe profile_release(profile) }
    var value: UnsafeMutablePointer<CChar>?
    guard unsafe profile_get_string(profile, "libdefaults", "default_realm", nil, nil, &value) == 0,
      let value = unsafe value
    else { return nil }
    defer { unsafe profile_release_string(value) }
    let realm = unsafe String(cString: value)
    return realm.isEmpty ? nil : realm
  }

  /// The realm that `[domain_realm]` of the configuration (or a plugin) gives a host; `nil` when it says nothing. DNS is not
  /// asked: the library does that only where it guesses a realm, which this call does not do.
  func realm(ofHost host: String) -> String? {
    var realms: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    guard unsafe krb5_get_host_realm(raw, host, &realms) == 0, let realms = unsafe realms else { return nil }
    defer { _ = unsafe krb5_free_host_realm(raw, realms) }
    guard let first = unsafe realms.pointee else { return nil }
    let realm = unsafe String(cString: first)
    return realm.isEmpty ? nil : realm
  }

  static func text(_ code: krb5_error_code, _ context: krb5_context?) -> String {
    guard let text = unsafe krb5_get_error_message(context, code) else { return "error \(code)" }
    defer { unsafe krb5_free_error_message(context, text) }
    return unsafe String(cString: text)
  }

  /// Where the configuration is read from, as the user spells it, for a message.
  private static var configurationFile: String {
    guard let setting = ConfigurationSpelling.original else { return ConfigurationPaths.standard }
    return "\(setting) (\(ConfigurationPaths.variable))"
  }
}
