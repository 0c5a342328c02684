internal import CGSSAPI

/// What the library reports of an established context (`gss_inquire_context`). It must not be asked about a half-open one.
struct ContextFacts {
  let initiator: GSSName?
  let acceptor: GSSName?
  let initiatorName: String?
  var acceptorName: String?
  let lifetime: GSSLifetime
  let mechanism: GSSMechanism
  let innerMechanism: GSSMechanism
  let sessionKeyEncryptionType: Int32?

  /// - Parameters:
  ///   - spoken: the mechanism of the first token, where it is known.
  ///   - inner: the mechanism that the last step named.
  init(
    _ handle: borrowing ContextHandle, spoken: GSSMechanism?, inner: GSSMechanism?
  ) throws(GSSError) {
    var minor: OM_uint32 = 0
    var source: gss_name_t?
    var target: gss_name_t?
    var seconds: OM_uint32 = 0
    var mechanism: gss_OID?
    var isOpen: Int32 = 0
    let major = unsafe gss_inquire_context(
      &minor, handle.raw, &source, &target, &seconds, &mechanism, nil, nil, &isOpen)
    initiator = unsafe source.map { unsafe GSSName(owning: $0) }
    acceptor = unsafe target.map { unsafe GSSName(owning: $0) }
    lifetime = GSSLifetime(seconds)
    let inquired = unsafe GSSMechanism(copying: mechanism)
    try GSSError.check("gss_inquire_context", major, minor, spoken)
    guard isOpen != 0, let known = spoken ?? inner ?? inquired else {
      throw GSSError(code: .unexpectedAnswer, operation: "gss_inquire_context")
    }
    self.mechanism = known
    innerMechanism = inner ?? inquired ?? known
    initiatorName = try initiator?.display()
    acceptorName = try acceptor?.display()
    sessionKeyEncryptionType = SessionKey.encryptionType(of: handle)
  }
}
