internal import CGSSAPI

/// What protects the messages of an established Kerberos context, looked at without ending it: the key, and where the
/// numbers stand (`gss_krb5_lucid_context_v1_t`). The library wipes its copy of the keys when this ends.
///
/// Code that protects messages with it must delete the context first: two owners of one send number make two messages with
/// the same number.
@safe
public struct KerberosContextState: ~Copyable {
  private let lucid: UnsafeMutablePointer<gss_krb5_lucid_context_v1_t>

  fileprivate init(_ lucid: UnsafeMutablePointer<gss_krb5_lucid_context_v1_t>) {
    unsafe self.lucid = lucid
  }

  deinit {
    var minor: OM_uint32 = 0
    _ = unsafe gss_krb5_free_lucid_sec_context(&minor, lucid)
  }

  /// Whether this side initiated the context.
  public var isInitiator: Bool { unsafe lucid.pointee.initiate != 0 }

  /// When the context ends, in seconds since 1970.
  public var endTime: UInt32 { unsafe lucid.pointee.endtime }

  /// The number of the next message that we send.
  public var nextSendNumber: UInt64 { unsafe lucid.pointee.send_seq }

  /// The number of the *first* message that the peer sent. The library never advances what it shows here.
  public var firstReceiveNumber: UInt64 { unsafe lucid.pointee.recv_seq }

  /// Whether the key is the acceptor's subkey, as it always is with mutual authentication; else it is the initiator's
  /// subkey, or the ticket's session key.
  public var hasAcceptorSubkey: Bool { unsafe lucid.pointee.cfx_kd.have_acceptor_subkey != 0 }

  /// The encryption type of the key (RFC 3961).
  public var encryptionType: Int32 { unsafe Int32(bitPattern: key.type) }

  /// Lends the key's octets.
  public func withKey<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let key = unsafe key
    let count = unsafe key.data == nil ? 0 : Int(key.length)
    return unsafe try body(RawSpan(_unsafeStart: key.data ?? UnsafeMutableRawPointer(lucid), byteCount: count))
  }

  private var key: gss_krb5_lucid_key_t {
    unsafe hasAcceptorSubkey ? lucid.pointee.cfx_kd.acceptor_subkey : lucid.pointee.cfx_kd.ctx_key
  }
}

extension GSSSecurityContext {
  /// 1.2.840.113554.1.2.2.5.6, and the version of the structure: the library answers with a pointer to it.
  private static let lucidContext: [UInt8] = [
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x05, 0x06, 0x01,
  ]

  /// Looks at the key and the numbers of a Kerberos context whose tokens are those of RFC 4121. The context goes on.
  ///
  /// - Returns: nil for other mechanisms, and for keys whose tokens are those of RFC 1964.
  public mutating func kerberosState() throws(GSSError) -> KerberosContextState? {
    guard innerMechanism == .krb5 else { return nil }
    var minor: OM_uint32 = 0
    var set: gss_buffer_set_t?
    let identifier = Self.lucidContext
    let major = unsafe identifier.withUnsafeBytes { octets in
      var object = unsafe gss_OID_desc(
        length: OM_uint32(clamping: octets.count), elements: UnsafeMutableRawPointer(mutating: octets.baseAddress))
      return unsafe gss_inquire_sec_context_by_oid(&minor, handle.raw, &object, &set)
    }
    try GSSError.check("gss_inquire_sec_context_by_oid", major, minor, innerMechanism)
    defer { _ = unsafe gss_release_buffer_set(&minor, &set) }
    guard let answer = unsafe set?.pointee, unsafe answer.count == 1, let element = unsafe answer.elements?.pointee,
      unsafe element.length == MemoryLayout<UnsafeMutableRawPointer>.size, let value = unsafe element.value,
      let lucid = unsafe value.loadUnaligned(as: UnsafeMutablePointer<gss_krb5_lucid_context_v1_t>?.self)
    else { throw GSSError(code: .unexpectedAnswer, operation: "gss_inquire_sec_context_by_oid") }
    let state = unsafe KerberosContextState(lucid)
    guard unsafe lucid.pointee.version == 1 else {
      throw GSSError(code: .unexpectedAnswer, operation: "gss_inquire_sec_context_by_oid")
    }
    return unsafe lucid.pointee.protocol == 1 ? consume state : nil
  }
}
