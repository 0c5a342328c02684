internal import CGSSAPI

/// A context that this side is accepting and that does not stand yet. All it can do is step.
///
/// A step consumes it: after a failure nothing is left but the error, and the library's half-open context is gone.
/// A step reads the keytab and the replay cache; keep it off event loops.
///
/// There is always a credential: without one the library would take up any mechanism it has, and a token of no octets
/// as the start of SPNEGO. Delegated credentials are not taken: with a null handle the library does not decode them.
@safe
public struct GSSAcceptor: ~Copyable, Sendable {
  private let credential: GSSCredential?
  private let channelBindings: [UInt8]?
  private var mechanism: GSSMechanism?
  private var requestKeys: KerberosRequestKeys?
  private var handle = ContextHandle()

  /// - Parameters:
  ///   - credential: with what, and with which mechanisms.
  ///   - channelBindings: octets of the channel below that both sides see; `nil` for none.
  public init(credential: GSSCredential, channelBindings: [UInt8]? = nil) {
    self.credential = credential
    self.channelBindings = channelBindings
  }

  /// A context whose credential is given with each step, since the first token says which one it needs.
  public init(channelBindings: [UInt8]? = nil) {
    self.credential = nil
    self.channelBindings = channelBindings
  }

  /// Goes one step further with what the peer sent.
  ///
  /// A failure may leave an error token of the mechanism behind; it is not returned.
  ///
  /// - Parameter other: for this step, in place of the context's own.
  public consuming func step(
    _ token: [UInt8], with other: GSSCredential? = nil
  ) throws(GSSError) -> GSSStep<GSSAcceptor> {
    guard let credential = other ?? credential else { throw .misuse("GSSAcceptor.step", "there is no credential") }
    KerberosEnvironment.libraryReadsFiles()
    if mechanism == nil { mechanism = InitialToken.mechanism(token) }
    requestKeys = requestKeys ?? KerberosRequestKeys(inToken: token)
    var minor: OM_uint32 = 0
    var output = LibraryBuffer()
    var actual: gss_OID?
    var granted: OM_uint32 = 0
    let major = unsafe ChannelBindingsLoan.lend(channelBindings) { bindings in
      unsafe token.withUnsafeBytes { bytes in
        var input = unsafe gss_buffer_desc(lending: bytes)
        return unsafe gss_accept_sec_context(
          &minor, &handle.raw, credential.handle, &input, bindings, nil, &actual, &output.descriptor, &granted, nil,
          nil)
      }
    }
    try GSSError.checkStep("gss_accept_sec_context", major, minor, credential.onlyMechanism)
    let answer = output.octets()
    guard major & GSSSupplementaryStatus.continueNeeded.rawValue == 0 else {
      return .continueNeeded(self, token: answer)
    }
    let facts = unsafe try ContextFacts(
      handle, spoken: credential.onlyMechanism ?? mechanism, inner: GSSMechanism(copying: actual))
    let context = GSSSecurityContext(
      handle, facts, flags: GSSContextFlags(rawValue: granted), isInitiator: false, requestKeys: requestKeys)
    return .complete(context, token: answer.isEmpty ? nil : answer)
  }
}
