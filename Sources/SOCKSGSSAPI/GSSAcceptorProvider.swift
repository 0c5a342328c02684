import GSSAPI
public import NIOCore
public import SOCKSCore
public import SOCKSNIO

/// Makes acceptors' contexts for a gateway: one keytab, chosen mechanisms, one pool.
public final class GSSAcceptorProvider: Sendable {
  public struct Configuration: Hashable, Sendable {
    /// The keytab in the library's spelling: a path, or `TYPE:NAME`. Never taken from the environment.
    public var keytab: String
    /// The replay cache in the library's spelling, such as `dfl:` or `file2:PATH`; nil leaves it to the library.
    public var replayCache: String?
    /// Accept SPNEGO too, limited to Kerberos inside.
    public var allowsNegotiation: Bool

    public init(keytab: String, replayCache: String? = nil, allowsNegotiation: Bool = false) {
      self.keytab = keytab
      self.replayCache = replayCache
      self.allowsNegotiation = allowsNegotiation
    }
  }

  private let credential: GSSCredential
  private let pool: StepPool
  private let tokens: TokenEngine

  /// Acquires the acceptor's credential; it may read files, so not on an event loop.
  ///
  /// The keytab is read again at each accept: a key added later works without a restart.
  ///
  /// - Throws: `noCredentials` or `contextFailed`, with the library's text.
  public init(_ configuration: Configuration, pool: StepPool, tokens: TokenEngine = .automatic) throws(SOCKSError) {
    do throws(GSSError) {
      self.credential = try GSSCredential(
        acceptorFor: nil, mechanisms: configuration.allowsNegotiation ? [.krb5, .spnego] : [.krb5],
        store: GSSCredentialStore(keytab: configuration.keytab, replayCache: configuration.replayCache))
    } catch {
      throw SOCKSError(establishing: error)
    }
    self.pool = pool
    self.tokens = tokens
  }

  /// A context to accept, for a channel of this event loop.
  public func makeEstablishment(on eventLoop: any EventLoop) -> any ContextEstablishment {
    let credential = self.credential
    return Establishment<GSSAcceptor>(pool: self.pool, tokens: self.tokens, eventLoop: eventLoop) {
      GSSAcceptor(credential: credential)
    } step: { acceptor, token throws(GSSError) in
      try acceptor.step(token ?? [])
    }
  }
}
