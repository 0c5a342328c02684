internal import CGSSAPI

/// The keys and counters of an established Kerberos context (RFC 4121), for somebody who will protect its messages in the
/// library's place.
///
/// The library's structure of version 1 ("lucid"), for contexts of RFC 4121 only. It is a copy: the context goes on, and has a
/// counter of its own. Two owners of one counter would give two messages the same number, so whoever uses these secrets
/// must give up the context. The keys are wiped when this value goes.
@safe
public struct KerberosContextSecrets: ~Copyable, Sendable {
  /// Whether this side initiated the context.
  public let isInitiator: Bool
  /// The encryption type of the key (RFC 3961).
  public let encryptionType: Int32
  /// Whether the key is the one that the acceptor chose; then every token says so (RFC 4121 section 4.2.2).
  public let isAcceptorSubkey: Bool
  /// The number of the next message sent from here.
  public let nextSendNumber: UInt64
  /// When the ticket ends, in seconds since 1970, as the library keeps it: 32 bits.
  public let endTime: UInt32

  // The library does not say where the other side is: `recv_seq` stays at the first number for good.

  private let lucid: LucidContext

  /// Lends the key's octets, only for the duration of the call.
  public borrowing func withKey<Result, Failure>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let key = unsafe self.lucid.key
    return try body(unsafe RawSpan(_unsafeStart: key.data, byteCount: Int(key.length)))
  }

  /// `nil` for a structure that is not what it should be.
  fileprivate init?(_ lucid: consuming LucidContext) {
    let context = unsafe lucid.context.pointee
    // Version 1 of the structure; protocol 1 is RFC 4121, 0 the one before it.
    guard unsafe context.version == 1, unsafe context.protocol == 1 else { return nil }
    let key = unsafe lucid.key
    guard unsafe key.data != nil, unsafe Self.keyLengths.contains(key.length) else { return nil }
    guard let type = unsafe Int32(exactly: key.type) else { return nil }
    self.isInitiator = unsafe context.initiate != 0
    self.encryptionType = type
    self.isAcceptorSubkey = unsafe context.cfx_kd.have_acceptor_subkey == 1
    self.nextSendNumber = unsafe context.send_seq
    self.endTime = unsafe context.endtime
    self.lucid = lucid
  }

  /// Octets of any key that Kerberos has.
  private static let keyLengths: ClosedRange<OM_uint32> = 1...64
}

extension GSSSecurityContext {
  /// The keys and counters of this context as they are now; `nil` when it is no context of RFC 4121.
  ///
  /// The context is not changed by being asked.
  public mutating func kerberosSecrets() -> KerberosContextSecrets? {
    guard let lucid = LucidContext(of: handle) else { return nil }
    return KerberosContextSecrets(lucid)
  }
}

/// The library's structure, which it wipes when it frees it.
@safe
private struct LucidContext: ~Copyable, @unchecked Sendable {
  let context: UnsafeMutablePointer<gss_krb5_lucid_context_v1_t>

  init?(of handle: borrowing ContextHandle) {
    var minor: OM_uint32 = 0
    var set: gss_buffer_set_t?
    let major = unsafe gss_inquire_sec_context_by_oid(&minor, handle.raw, cgssapi_inquire_lucid_context_v1(), &set)
    defer { _ = unsafe gss_release_buffer_set(&minor, &set) }
    // The answer is the octets of a pointer to the structure.
    guard cgssapi_is_error(major) == 0, let set = unsafe set, unsafe set.pointee.count == 1,
      let element = unsafe set.pointee.elements?.pointee,
      unsafe element.length == MemoryLayout<UnsafeMutableRawPointer>.size, let value = unsafe element.value,
      let context = unsafe UnsafeRawPointer(value).loadUnaligned(as: UnsafeMutableRawPointer?.self)
    else { return nil }
    unsafe self.context = context.assumingMemoryBound(to: gss_krb5_lucid_context_v1_t.self)
  }

  /// With an acceptor's subkey, that one protects messages (RFC 4121 section 2).
  var key: gss_krb5_lucid_key_t {
    let keys = unsafe context.pointee.cfx_kd
    return unsafe keys.have_acceptor_subkey == 1 ? keys.acceptor_subkey : keys.ctx_key
  }

  deinit {
    var minor: OM_uint32 = 0
    _ = unsafe gss_krb5_free_lucid_sec_context(&minor, context)
  }
}
