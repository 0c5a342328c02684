import GSSAPI
public import NIOCore
import SOCKSCore
public import SOCKSNIO

/// Makes initiators' contexts for a client.
public final class GSSInitiatorProvider: Sendable {
  /// Whom to authenticate to.
  public enum Target: Hashable, Sendable {
    /// A service on a host, `socks` on `gw.example.com`; the library finds the realm.
    case service(String, host: String)
    /// A whole principal, `socks/gw.example.com@EXAMPLE.COM`.
    case principal(String)
  }

  public struct Configuration: Hashable, Sendable {
    public var target: Target
    /// The credential cache in the library's spelling; nil for the library's default.
    public var credentialCache: String?
    /// A keytab to get tickets with when the cache has none.
    public var clientKeytab: String?
    /// Ask for SEQUENCE: "only … for TCP-based clients, not for UDP-based clients" (RFC 1961 section 3.2).
    public var asksForSequence: Bool
    /// Hand one's own ticket to the gateway. RFC 1961 section 3.2 says always; here only on request, since the gateway has
    /// no use for it.
    public var delegates: Bool

    public init(
      target: Target, credentialCache: String? = nil, clientKeytab: String? = nil, asksForSequence: Bool = true,
      delegates: Bool = false
    ) {
      self.target = target
      self.credentialCache = credentialCache
      self.clientKeytab = clientKeytab
      self.asksForSequence = asksForSequence
      self.delegates = delegates
    }
  }

  private let configuration: Configuration
  private let pool: StepPool
  private let tokens: TokenEngine

  /// Looks nothing up: credentials are acquired for each context, so that a ticket obtained later is found.
  public init(_ configuration: Configuration, pool: StepPool, tokens: TokenEngine = .automatic) {
    self.configuration = configuration
    self.pool = pool
    self.tokens = tokens
  }

  /// A context to initiate, for a channel of this event loop.
  public func makeEstablishment(on eventLoop: any EventLoop) -> any ContextEstablishment {
    let configuration = self.configuration
    return Establishment<GSSInitiator>(pool: self.pool, tokens: self.tokens, eventLoop: eventLoop) {
      () throws(SOCKSError) in
      do throws(GSSError) { return try Self.makeInitiator(configuration) } catch {
        throw SOCKSError(establishing: error)
      }
    } step: { initiator, token throws(SOCKSError) in
      do throws(GSSError) { return try initiator.step(token) } catch { throw SOCKSError(establishing: error) }
    }
  }

  private static func makeInitiator(_ configuration: Configuration) throws(GSSError) -> GSSInitiator {
    let target =
      switch configuration.target {
      case .service(let service, let host): try GSSName.hostBased("\(service)@\(host)")
      case .principal(let principal): try GSSName.kerberosPrincipal(principal)
      }
    let credential = try GSSCredential(
      initiatorFor: nil, mechanisms: [.krb5],
      store: GSSCredentialStore(
        credentialCache: configuration.credentialCache, clientKeytab: configuration.clientKeytab))
    var flags: GSSContextFlags = [.mutual, .replay, .integrity, .confidentiality]
    if configuration.asksForSequence { flags.insert(.sequence) }
    if configuration.delegates { flags.insert(.delegation) }
    return GSSInitiator(target: target, mechanism: .krb5, flags: flags, credential: credential)
  }
}
