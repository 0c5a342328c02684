internal import CGSSAPI

/// Lends the library channel bindings (RFC 2744 section 3.11) with application data alone: the addresses of that
/// structure break behind address translation, and everything in use today leaves them out (RFC 5056, RFC 5929).
enum ChannelBindingsLoan {
  static let maximumOctets = 65_535

  static func lend<Result>(_ octets: [UInt8]?, _ body: (gss_channel_bindings_t?) -> Result) -> Result {
    guard let octets else { return body(nil) }
    return unsafe octets.withUnsafeBytes { bytes in
      var bindings = unsafe gss_channel_bindings_struct()
      unsafe bindings.application_data = unsafe gss_buffer_desc(lending: bytes)
      return unsafe body(&bindings)
    }
  }
}
