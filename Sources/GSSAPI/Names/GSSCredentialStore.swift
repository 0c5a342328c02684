internal import CGSSAPI

/// Where credentials come from (`gss_acquire_cred_from`), so that nothing depends on the process's environment.
///
/// A value is a name in the library's spelling: a path, or `FILE:…`, `MEMORY:…`, `KEYRING:…`, `DIR:…`. `nil` leaves
/// that corner to the library's default.
public struct GSSCredentialStore: Hashable, Sendable {
  /// The keys of acceptors.
  public var keytab: String?
  /// The tickets of initiators.
  public var credentialCache: String?
  /// Keys with which initiators get and renew tickets by themselves.
  public var clientKeytab: String?
  /// Where acceptors remember requests already seen: `dfl:`, `none:`, `file2:/path`.
  public var replayCache: String?

  public init(
    keytab: String? = nil, credentialCache: String? = nil, clientKeytab: String? = nil, replayCache: String? = nil
  ) {
    self.keytab = keytab
    self.credentialCache = credentialCache
    self.clientKeytab = clientKeytab
    self.replayCache = replayCache
  }
}

extension GSSCredentialStore {
  /// Lends the store in the library's form, null when nothing is set, for the duration of `body`.
  func lend<Result>(_ body: (gss_const_key_value_set_t?) -> Result) throws(GSSError) -> Result {
    let pairs = [
      ("keytab", keytab), ("ccache", credentialCache), ("client_keytab", clientKeytab), ("rcache", replayCache),
    ].compactMap { key, value in value.map { (key, $0) } }
    guard !pairs.contains(where: { $0.1.utf8.contains(0) }) else {
      throw .misuse("GSSCredentialStore", "a name with a NUL byte")
    }
    guard !pairs.isEmpty else { return body(nil) }
    var elements: [gss_key_value_element_desc] = unsafe []
    return unsafe Self.lend(pairs[...], &elements, body)
  }

  private static func lend<Result>(
    _ rest: ArraySlice<(String, String)>, _ elements: inout [gss_key_value_element_desc],
    _ body: (gss_const_key_value_set_t?) -> Result
  ) -> Result {
    guard let (key, value) = rest.first else {
      return unsafe elements.withUnsafeMutableBufferPointer { buffer in
        var set = unsafe gss_key_value_set_desc(
          count: OM_uint32(clamping: buffer.count), elements: buffer.baseAddress)
        return unsafe body(&set)
      }
    }
    return unsafe key.withCString { key in
      unsafe value.withCString { value in
        unsafe elements.append(gss_key_value_element_desc(key: key, value: value))
        return unsafe lend(rest.dropFirst(), &elements, body)
      }
    }
  }
}
