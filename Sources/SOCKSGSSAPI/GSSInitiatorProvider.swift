import GSSAPI
public import NIOCore
import SOCKSCore
public import SOCKSNIO

/// Makes initiators' contexts for a client.
///
/// The ticket in a first token must be for the target, or no byte of the token leaves: see ``KerberosInitiation``.
public final class GSSInitiatorProvider: Sendable {
  /// Whom to authenticate to.
  public enum Target: Hashable, Sendable {
    /// A service on a host, `socks` on `gw.example.com`; the realm is found.
    case service(String, host: String)
    /// A whole principal, `socks/gw.example.com@EXAMPLE.COM`.
    case principal(String)
  }

  public struct Configuration: Hashable, Sendable {
    public var target: Target
    /// The ticket cache, or a collection of them, in the library's spelling; nil for the library's default.
    public var credentialCache: String?
    /// The client's principal; nil for the one whose cache fits the gateway.
    public var identity: String?
    /// A keytab to get tickets with when the cache has none.
    public var clientKeytab: String?
    /// Let `krb5.conf` decide whether DNS names the gateway's host and realm.
    public var trustsDNS: Bool
    /// Ask for SEQUENCE: "only … for TCP-based clients, not for UDP-based clients" (RFC 1961 section 3.2).
    public var asksForSequence: Bool
    /// Hand one's own ticket to the gateway. RFC 1961 section 3.2 says always; here only on request, since the gateway has
    /// no use for it.
    public var delegates: Bool

    public init(
      target: Target, credentialCache: String? = nil, identity: String? = nil, clientKeytab: String? = nil,
      trustsDNS: Bool = false, asksForSequence: Bool = true, delegates: Bool = false
    ) {
      self.target = target
      self.credentialCache = credentialCache
      self.identity = identity
      self.clientKeytab = clientKeytab
      self.trustsDNS = trustsDNS
      self.asksForSequence = asksForSequence
      self.delegates = delegates
    }
  }

  private let configuration: Configuration
  private let pool: StepPool
  private let tokens: TokenEngine
  private let explanation: NameExplanation

  /// Looks nothing up: credentials are acquired for each context, so that a ticket obtained later is found.
  ///
  /// - Parameter otherNames: other names of a host, as DNS has them; may block. They are asked for only after a failure, and
  ///   only for its message.
  public init(
    _ configuration: Configuration, pool: StepPool, tokens: TokenEngine = .automatic,
    otherNames: @escaping @Sendable (String) -> [String] = { _ in [] }
  ) {
    self.configuration = configuration
    self.pool = pool
    self.tokens = tokens
    self.explanation = NameExplanation(configuration.request, pool: pool, otherNames: otherNames)
  }

  /// A context to initiate, for a channel of this event loop.
  public func makeEstablishment(on eventLoop: any EventLoop) -> any ContextEstablishment {
    let configuration = self.configuration
    let establishment = Establishment<GSSInitiator>(pool: self.pool, tokens: self.tokens, eventLoop: eventLoop) {
      () throws(SOCKSError) in
      do throws(GSSError) { return try Self.makeInitiator(configuration) } catch {
        throw SOCKSError(initiating: error)
      }
    } step: { initiator, token throws(SOCKSError) in
      do throws(GSSError) { return try initiator.step(token) } catch { throw SOCKSError(initiating: error) }
    }
    return ExplainedEstablishment(establishment, self.explanation, eventLoop: eventLoop)
  }

  /// Whether a text can be a Kerberos principal.
  public static func isPrincipal(_ text: String) -> Bool { KerberosPrincipalName(text) != nil }

  private static func makeInitiator(_ configuration: Configuration) throws(GSSError) -> GSSInitiator {
    let initiation = try KerberosInitiation(configuration.request)
    var flags: GSSContextFlags = [.mutual, .replay, .integrity, .confidentiality]
    if configuration.asksForSequence { flags.insert(.sequence) }
    if configuration.delegates { flags.insert(.delegation) }
    return GSSInitiator(
      target: initiation.target, mechanism: .krb5, flags: flags, credential: initiation.credential,
      requirement: initiation.requirement)
  }
}

extension GSSInitiatorProvider.Configuration {
  var request: KerberosInitiation.Request {
    let gateway: KerberosInitiation.Gateway =
      switch self.target {
      case .service(let service, let host): .service(service, host: host)
      case .principal(let principal): .principal(principal)
      }
    return KerberosInitiation.Request(
      gateway: gateway, cache: self.credentialCache, identity: self.identity, clientKeytab: self.clientKeytab,
      trustsDNS: self.trustsDNS)
  }
}
