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

  private let configuration: Configuration
  private let credential: GSSCredential
  private let pool: StepPool
  private let tokens: TokenEngine

  /// Acquires the acceptor's credential; it may read files, so not on an event loop.
  ///
  /// The keytab is read again at each accept: a key added later works without a restart.
  ///
  /// - Throws: `noCredentials` or `contextFailed`, with the library's text.
  public init(_ configuration: Configuration, pool: StepPool, tokens: TokenEngine = .automatic) throws(SOCKSError) {
    self.configuration = configuration
    do throws(GSSError) {
      self.credential = try configuration.acquireCredential()
    } catch {
      throw SOCKSError(establishing: error)
    }
    self.pool = pool
    self.tokens = tokens
  }

  /// A context to accept, for a channel of this event loop.
  public func makeEstablishment(on eventLoop: any EventLoop) -> any ContextEstablishment {
    let (credential, configuration) = (self.credential, self.configuration)
    return Establishment<GSSAcceptor>(pool: self.pool, tokens: self.tokens, eventLoop: eventLoop) {
      GSSAcceptor(credential: credential)
    } step: { acceptor, token throws(GSSError) in
      try acceptor.step(token ?? [])
    } describe: { error in
      SOCKSError(accepting: error) { configuration.keytabFailure }
    }
  }
}

extension GSSAcceptorProvider.Configuration {
  fileprivate func acquireCredential() throws(GSSError) -> GSSCredential {
    try GSSCredential(
      acceptorFor: nil, mechanisms: self.allowsNegotiation ? [.krb5, .spnego] : [.krb5],
      store: GSSCredentialStore(keytab: self.keytab, replayCache: self.replayCache))
  }

  /// Why there is no key in the keytab that this process may read; nil when there is one. The library looks when a
  /// credential is acquired.
  fileprivate var keytabFailure: GSSError? {
    do throws(GSSError) {
      _ = try self.acquireCredential()
      return nil
    } catch {
      return error
    }
  }
}
