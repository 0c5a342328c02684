internal import CGSSAPI

/// Keys or tickets with which contexts are established, limited to chosen mechanisms.
///
/// Any number of threads may use one at the same time; the library locks it for the whole of each establishment step,
/// so a credential for each worker scales better. An acceptor's keytab is read anew at each step.
@safe
public final class GSSCredential: @unchecked Sendable {
  /// The mechanisms this credential was limited to.
  public let mechanisms: [GSSMechanism]

  let handle: gss_cred_id_t

  private init(owning handle: gss_cred_id_t, mechanisms: [GSSMechanism]) {
    unsafe self.handle = unsafe handle
    self.mechanisms = mechanisms
  }

  deinit {
    var handle: gss_cred_id_t? = unsafe self.handle
    var minor: OM_uint32 = 0
    _ = unsafe gss_release_cred(&minor, &handle)
  }

  /// A credential to accept contexts with.
  ///
  /// - Parameters:
  ///   - name: the service to accept for; `nil` accepts for every key in the keytab.
  ///   - mechanisms: what peers may use; nothing else is even parsed.
  ///   - negotiable: where SPNEGO is among them, what it may negotiate.
  ///   - store: where the keytab is, and where requests already seen are remembered.
  public convenience init(
    acceptorFor name: GSSName?, mechanisms: [GSSMechanism] = [.krb5], negotiable: [GSSMechanism] = [.krb5],
    store: GSSCredentialStore = GSSCredentialStore()
  ) throws(GSSError) {
    try self.init(name, mechanisms, negotiable, store, usage: GSS_C_ACCEPT)
  }

  /// A credential to accept contexts with the keys of one principal of a keytab, and no other.
  ///
  /// It opens every ticket that one of these keys opens, whichever name the ticket shows. The keys are copied: after the
  /// keytab has changed, acquire another one.
  ///
  /// - Parameters:
  ///   - principal: the keytab's entries with exactly this name.
  ///   - mechanisms: what peers may use; nothing else is even parsed.
  ///   - negotiable: where SPNEGO is among them, what it may negotiate.
  ///   - keytab: in the library's spelling.
  ///   - replayCache: where requests already seen are remembered; `nil` leaves it to the library.
  /// - Throws: a ``GSSError`` when the keytab cannot be read, or has no key for the principal.
  public convenience init(
    acceptorWithKeysOf principal: KerberosTicketServer, mechanisms: [GSSMechanism] = [.krb5],
    negotiable: [GSSMechanism] = [.krb5], keytab: String, replayCache: String? = nil
  ) throws(GSSError) {
    // The credential opens the copy by its name, and holds on to it.
    let copy = try KeytabCopy(of: principal, in: keytab)
    try self.init(
      acceptorFor: nil, mechanisms: mechanisms, negotiable: negotiable,
      store: GSSCredentialStore(keytab: copy.name, replayCache: replayCache))
    withExtendedLifetime(copy) {}
  }

  /// A credential to initiate contexts with.
  ///
  /// - Parameters:
  ///   - name: the principal; `nil` takes the ticket cache's own.
  ///   - mechanisms: what this credential may be used with.
  ///   - negotiable: where SPNEGO is among them, what it may offer.
  ///   - store: where the ticket cache is, or keys to get tickets with.
  public convenience init(
    initiatorFor name: GSSName?, mechanisms: [GSSMechanism] = [.krb5], negotiable: [GSSMechanism] = [.krb5],
    store: GSSCredentialStore = GSSCredentialStore()
  ) throws(GSSError) {
    try self.init(name, mechanisms, negotiable, store, usage: GSS_C_INITIATE)
  }

  private convenience init(
    _ name: GSSName?, _ mechanisms: [GSSMechanism], _ negotiable: [GSSMechanism], _ store: GSSCredentialStore,
    usage: Int32
  ) throws(GSSError) {
    let limit = 1...LibraryIdentifierSet.maximumCount
    guard limit.contains(mechanisms.count), !mechanisms.contains(.spnego) || limit.contains(negotiable.count) else {
      // An empty set would mean every mechanism the library has.
      throw .misuse("GSSCredential", "no mechanisms, or too many")
    }
    KerberosEnvironment.libraryReadsFiles()
    var minor: OM_uint32 = 0
    var handle: gss_cred_id_t?
    let major = unsafe try store.lend { store in
      unsafe LibraryIdentifierSet.lend(mechanisms) { set in
        unsafe gss_acquire_cred_from(
          &minor, name?.handle, OM_uint32.max, set, usage, store, &handle, nil, nil)
      }
    }
    try GSSError.check("gss_acquire_cred_from", major, minor, mechanisms.count == 1 ? mechanisms.first : nil)
    guard let handle = unsafe handle else {
      throw GSSError(code: .unexpectedAnswer, operation: "gss_acquire_cred_from")
    }
    unsafe self.init(owning: handle, mechanisms: mechanisms)
    if mechanisms.contains(.spnego) { try limitNegotiation(to: negotiable) }
  }

  /// The mechanism, where there is just one.
  var onlyMechanism: GSSMechanism? {
    mechanisms.count == 1 ? mechanisms.first : nil
  }

  private func limitNegotiation(to mechanisms: [GSSMechanism]) throws(GSSError) {
    var minor: OM_uint32 = 0
    let major = unsafe LibraryIdentifierSet.lend(mechanisms) { unsafe gss_set_neg_mechs(&minor, handle, $0) }
    try GSSError.check("gss_set_neg_mechs", major, minor, .spnego)
  }

  /// What the library knows of the credential now. An initiator's tickets are looked up here, and may be missing.
  public func inquire() throws(GSSError) -> (name: GSSName?, lifetime: GSSLifetime) {
    var minor: OM_uint32 = 0
    var name: gss_name_t?
    var seconds: OM_uint32 = 0
    let major = unsafe gss_inquire_cred(&minor, handle, &name, &seconds, nil, nil)
    let owner = unsafe name.map { unsafe GSSName(owning: $0) }
    try GSSError.check("gss_inquire_cred", major, minor, onlyMechanism)
    return (owner, GSSLifetime(seconds))
  }
}
