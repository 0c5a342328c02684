internal import CGSSAPI

/// An established context: what was agreed, and the protection of messages.
///
/// It has one owner, and every call on it needs that owner: the type cannot be copied, so two threads cannot hold it,
/// and all its calls are `mutating`, so two calls cannot overlap. It may move to another thread. Wrapping and unwrapping are
/// pure computing and never block; nothing in the library guards a context, which is why the compiler must.
@safe
public struct GSSSecurityContext: ~Copyable, Sendable {
  /// The services that were granted.
  public let flags: GSSContextFlags

  /// The mechanism that both sides spoke first: SPNEGO where it was negotiated.
  public let mechanism: GSSMechanism

  /// The mechanism that protects messages: what SPNEGO came to, else the same.
  public let innerMechanism: GSSMechanism

  /// Whether this side initiated the context.
  public let isInitiator: Bool

  /// The initiator's name as text, `nil` when it has none. Of any content: escape it where it is shown or logged.
  public let initiatorName: String?

  /// The acceptor's name as text, `nil` when it has none. Of any content: escape it where it is shown or logged.
  ///
  /// On the initiator's side MIT Kerberos leaves the realm empty (`socks/gate@`) where its configuration does not map
  /// the host to one.
  public let acceptorName: String?

  /// The other side's name.
  public let peer: GSSName?

  /// Kerberos: the encryption type of the key that protects messages (RFC 3961); `nil` where the mechanism has none.
  public let sessionKeyEncryptionType: Int32?

  /// Kerberos: the encryption types of the initiator's AP-REQ, the ticket's session key among them; `nil` where none was seen.
  public let requestKeys: KerberosRequestKeys?

  /// How long the context was good for when it was established. It goes on protecting messages afterwards.
  public let initialLifetime: GSSLifetime

  var handle: ContextHandle
  private var signedOverhead: Int?
  private var sealedOverhead: Int?

  init(
    _ handle: consuming ContextHandle, _ facts: ContextFacts, flags: GSSContextFlags, isInitiator: Bool,
    requestKeys: KerberosRequestKeys?
  ) {
    self.handle = handle
    self.flags = flags
    self.isInitiator = isInitiator
    mechanism = facts.mechanism
    innerMechanism = facts.innerMechanism
    initiatorName = facts.initiatorName
    acceptorName = facts.acceptorName
    peer = isInitiator ? facts.acceptor : facts.initiator
    initialLifetime = facts.lifetime
    sessionKeyEncryptionType = facts.sessionKeyEncryptionType
    self.requestKeys = requestKeys
  }

  /// How long the context is still good for. An acceptor's answer includes the clock skew that Kerberos allows.
  public mutating func remainingLifetime() throws(GSSError) -> GSSLifetime {
    var minor: OM_uint32 = 0
    var seconds: OM_uint32 = 0
    let major = unsafe gss_context_time(&minor, handle.raw, &seconds)
    if cgssapi_routine_error(major) >> 16 == UInt32(GSSError.Code.contextExpired.rawValue) { return .expired }
    try GSSError.check("gss_context_time", major, minor, innerMechanism)
    return GSSLifetime(seconds)
  }

  /// The user of this system that the peer's name maps to; throws when it maps to none.
  public mutating func peerLocalName() throws(GSSError) -> String {
    guard let peer else { throw .misuse("GSSSecurityContext.peerLocalName", "the peer has no name") }
    return try peer.localName(for: innerMechanism)
  }

  /// The canonical octets of the peer's name.
  public mutating func exportedPeerName() throws(GSSError) -> [UInt8] {
    guard let peer else { throw .misuse("GSSSecurityContext.exportedPeerName", "the peer has no name") }
    return try peer.exported(for: innerMechanism)
  }
}

extension GSSSecurityContext {
  /// The most octets of plaintext whose token has at most `tokenLimit` octets; zero when none has.
  ///
  /// Exact with Kerberos, and the same for the whole life of the context: ask once.
  public mutating func maximumPlaintext(tokenLimit: Int, confidential: Bool) throws(GSSError) -> Int {
    guard let limit = OM_uint32(exactly: tokenLimit) else {
      throw .misuse("GSSSecurityContext.maximumPlaintext", "a limit of \(tokenLimit) bytes")
    }
    var minor: OM_uint32 = 0
    var size: OM_uint32 = 0
    let major = unsafe gss_wrap_size_limit(
      &minor, handle.raw, confidential ? 1 : 0, UInt32(GSS_C_QOP_DEFAULT), limit, &size)
    try GSSError.check("gss_wrap_size_limit", major, minor, innerMechanism)
    guard size <= limit else { throw GSSError(code: .unexpectedAnswer, operation: "gss_wrap_size_limit") }
    return Int(size)
  }

  /// Octets that a token has beyond its plaintext, at most.
  mutating func overhead(confidential: Bool) throws(GSSError) -> Int {
    if let known = confidential ? sealedOverhead : signedOverhead { return known }
    let tokenLimit = 65_535
    let overhead = tokenLimit - (try maximumPlaintext(tokenLimit: tokenLimit, confidential: confidential))
    if confidential { sealedOverhead = overhead } else { signedOverhead = overhead }
    return overhead
  }
}
