internal import CGSSAPI

/// A context that this side is initiating and that does not stand yet. All it can do is step.
///
/// A step consumes it: after a failure nothing is left but the error, and the library's half-open context is gone.
/// A step may ask a key distribution centre and so may block for long; keep it off event loops.
@safe
public struct GSSInitiator: ~Copyable, Sendable {
  private let target: GSSName
  private let mechanism: GSSMechanism
  private let flags: GSSContextFlags
  private let credential: GSSCredential?
  private let channelBindings: [UInt8]?
  private let lifetime: UInt32
  private let requirement: KerberosTicketRequirement?
  /// Whom the ticket in the first token is for.
  private var ticketServer: KerberosTicketServer?
  private var handle = ContextHandle()
  private var requestKeys: KerberosRequestKeys?

  /// - Parameters:
  ///   - target: the service.
  ///   - mechanism: what to speak.
  ///   - flags: the services asked for. What was granted is in the context's own flags: check them.
  ///   - credential: with what; `nil` takes the library's default credential.
  ///   - channelBindings: octets of the channel below that both sides see; `nil` for none.
  ///   - lifetime: seconds the context should be good for; zero for the mechanism's default.
  ///   - requirement: whom the ticket has to be for. No token leaves the first step without having been checked, and the
  ///     established context is checked again. `nil` leaves the choice to the library, and so to its configuration and DNS.
  public init(
    target: GSSName, mechanism: GSSMechanism = .krb5, flags: GSSContextFlags, credential: GSSCredential?,
    channelBindings: [UInt8]? = nil, lifetime: UInt32 = 0, requirement: KerberosTicketRequirement? = nil
  ) {
    self.target = target
    self.mechanism = mechanism
    self.flags = flags
    self.credential = credential
    self.channelBindings = channelBindings
    self.lifetime = lifetime
    self.requirement = requirement
  }

  /// Goes one step further.
  ///
  /// - Parameter token: what the peer sent; `nil` for the first step.
  public consuming func step(_ token: [UInt8]?) throws(GSSError) -> GSSStep<GSSInitiator> {
    KerberosEnvironment.libraryReadsFiles()
    var minor: OM_uint32 = 0
    var output = LibraryBuffer()
    var actual: gss_OID?
    var granted: OM_uint32 = 0
    let major = unsafe ChannelBindingsLoan.lend(channelBindings) { bindings in
      unsafe (token ?? []).withUnsafeBytes { bytes in
        unsafe mechanism.withIdentifier { identifier in
          var input = unsafe gss_buffer_desc(lending: bytes)
          return unsafe gss_init_sec_context(
            &minor, credential?.handle, &handle.raw, target.handle, identifier, flags.rawValue, lifetime, bindings,
            &input, &actual, &output.descriptor, &granted, nil)
        }
      }
    }
    try GSSError.checkStep("gss_init_sec_context", major, minor, mechanism)
    let answer = output.octets()
    requestKeys = requestKeys ?? KerberosRequestKeys(inToken: answer)
    if token == nil { try check(firstToken: answer) }
    guard major & GSSSupplementaryStatus.continueNeeded.rawValue == 0 else {
      return .continueNeeded(self, token: answer)
    }
    var facts = unsafe try ContextFacts(handle, spoken: mechanism, inner: GSSMechanism(copying: actual))
    if let requirement { try requirement.check(contextFor: facts.acceptorName) }
    // The library shows the name that was asked for; what counts is the one that the ticket is for.
    if let ticketServer { facts.acceptorName = ticketServer.description }
    let context = GSSSecurityContext(
      handle, facts, flags: GSSContextFlags(rawValue: granted), isInitiator: true, requestKeys: requestKeys)
    return .complete(context, token: answer.isEmpty ? nil : answer)
  }

  /// The library's own answers are not enough: with a ticket that it found under another name it shows the name that was
  /// asked for. The ticket says whose key it is for.
  private mutating func check(firstToken token: [UInt8]) throws(GSSError) {
    ticketServer = KerberosTicketServer(inInitialToken: token)
    if let requirement { try requirement.check(ticketFor: ticketServer) }
  }
}
