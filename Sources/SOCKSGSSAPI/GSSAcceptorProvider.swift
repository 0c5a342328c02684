import GSSAPI
public import NIOCore
public import SOCKSCore
public import SOCKSNIO

/// Makes acceptors' contexts for a gateway: one keytab, chosen mechanisms, one pool.
///
/// The server name that a client's ticket shows selects the entry of the keytab whose key opens it. That name is not
/// authenticated: it selects a key, and grants nothing.
public final class GSSAcceptorProvider: Sendable {
  public struct Configuration: Hashable, Sendable {
    /// The keytab in the library's spelling: a path, or `TYPE:NAME`. Never taken from the environment.
    public var keytab: String
    /// The services served, the first components of principals; any host that the keytab has.
    public var services: [String]
    /// The replay cache in the library's spelling, such as `dfl:` or `file2:PATH`; nil leaves it to the library.
    public var replayCache: String?
    /// Accept SPNEGO too, limited to Kerberos inside.
    public var allowsNegotiation: Bool

    public init(
      keytab: String, services: [String] = ["socks", "rcmd"], replayCache: String? = nil,
      allowsNegotiation: Bool = false
    ) {
      self.keytab = keytab
      self.services = services
      self.replayCache = replayCache
      self.allowsNegotiation = allowsNegotiation
    }
  }

  private let credentials: AcceptorCredentials
  private let pool: StepPool
  private let tokens: TokenEngine

  /// Acquires a credential, to see that it can be done; it may read files, so not on an event loop.
  ///
  /// The keytab's file is looked at for each accept: a key added later works without a restart.
  ///
  /// - Parameter onWritableKeytab: called on a thread of the pool with an explanation, each time the keytab has changed
  ///   and users other than its owner may write it.
  /// - Throws: `keytabUnreadable` or `configurationUnreadable`, with the library's text.
  public init(
    _ configuration: Configuration, pool: StepPool, tokens: TokenEngine = .automatic,
    onWritableKeytab: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(SOCKSError) {
    self.credentials = AcceptorCredentials(configuration, onWritableKeytab: onWritableKeytab)
    self.pool = pool
    self.tokens = tokens
    self.credentials.giveBack(try self.credentials.borrow(for: nil))
  }

  /// A context to accept, for a channel of this event loop.
  public func makeEstablishment(on eventLoop: any EventLoop) -> any ContextEstablishment {
    let credentials = self.credentials
    return Establishment<GSSAcceptor>(pool: self.pool, tokens: self.tokens, eventLoop: eventLoop) {
      GSSAcceptor()
    } step: { acceptor, token throws(SOCKSError) in
      try Self.step(acceptor, token ?? [], credentials)
    }
  }

  private static func step(
    _ acceptor: consuming GSSAcceptor, _ token: [UInt8], _ credentials: AcceptorCredentials
  ) throws(SOCKSError) -> GSSStep<GSSAcceptor> {
    // With SPNEGO the Kerberos token may come in any message; one without it needs no key.
    let server = KerberosTicketServer(inInitialToken: token) ?? KerberosTicketServer(inNegotiationToken: token)
    let loan = try credentials.borrow(for: server)
    defer { credentials.giveBack(loan) }
    do throws(GSSError) {
      return try acceptor.step(token, with: loan.credential)
    } catch {
      var failure = SOCKSError(accepting: error)
      failure.serviceClaimed = server.map(ServedPrincipals.shown)
      throw failure
    }
  }
}
