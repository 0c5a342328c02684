internal import CGSSAPI

/// The key that protects a context's messages, as far as this module wants to know it: its encryption type.
enum SessionKey {
  /// 1.2.840.113554.1.2.2.4, under which the last arc is the encryption type.
  private static let identifierPrefix: [UInt64] = [1, 2, 840, 113_554, 1, 2, 2, 4]

  /// The encryption type (RFC 3961), or `nil` where the mechanism does not tell.
  static func encryptionType(of handle: borrowing ContextHandle) -> Int32? {
    var minor: OM_uint32 = 0
    var set: gss_buffer_set_t?
    let major = unsafe gss_inquire_sec_context_by_oid(&minor, handle.raw, cgssapi_inquire_session_key(), &set)
    defer { unsafe wipeAndRelease(&set) }
    guard cgssapi_is_error(major) == 0, let elements = unsafe elements(of: set), elements.count >= 2 else {
      return nil
    }
    return unsafe encryptionType(identifier: [UInt8](elements[1].octets))
  }

  static func encryptionType(identifier octets: [UInt8]) -> Int32? {
    guard let arcs = ObjectIdentifierText.arcs(octets), arcs.count == identifierPrefix.count + 1 else { return nil }
    guard arcs.starts(with: identifierPrefix), let last = arcs.last else { return nil }
    return Int32(exactly: last)
  }

  private static func elements(of set: gss_buffer_set_t?) -> UnsafeMutableBufferPointer<gss_buffer_desc>? {
    guard let set = unsafe set, let elements = unsafe set.pointee.elements else { return nil }
    guard let count = unsafe Int(exactly: set.pointee.count) else { return nil }
    return unsafe UnsafeMutableBufferPointer(start: elements, count: count)
  }

  /// The first element is the key itself, and the library frees it as it is.
  private static func wipeAndRelease(_ set: inout gss_buffer_set_t?) {
    unsafe elements(of: set)?.forEach { element in
      unsafe UnsafeMutableRawBufferPointer(mutating: element.octets).initializeMemory(as: UInt8.self, repeating: 0)
    }
    var minor: OM_uint32 = 0
    _ = unsafe gss_release_buffer_set(&minor, &set)
  }
}
