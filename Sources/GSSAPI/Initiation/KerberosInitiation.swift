internal import CGSSAPI

/// What an initiator needs for one gateway: its name, the tickets to use, and what the ticket that is sent must be for.
///
/// The library would let DNS choose the host (`dns_canonicalize_hostname`, `rdns`) and, where it guesses, the realm
/// (`dns_lookup_realm`). Here the name is a principal of a type that it leaves as it is, with a realm that comes from
/// `[domain_realm]`, or else is the client's own, whose KDC refers to others. And since a cache that another program has
/// filled may hold another host's ticket under the name, ``requirement`` is checked on the ticket itself.
public struct KerberosInitiation: Sendable {
  /// Whom to authenticate to.
  public enum Gateway: Hashable, Sendable {
    /// A service on a host; the realm is found.
    case service(String, host: String)
    /// A principal; without a realm in the configuration's default realm, or else in the client's.
    case principal(String)
  }

  public struct Request: Hashable, Sendable {
    public var gateway: Gateway
    /// The ticket cache, or a collection of them, in the library's spelling; `nil` for the library's default.
    public var cache: String?
    /// The client's principal; `nil` for the one whose cache fits the gateway.
    public var identity: String?
    /// Keys to get tickets with, in the library's spelling; `nil` for the library's default.
    public var clientKeytab: String?
    /// Let `krb5.conf` decide whether DNS names the gateway's host and realm. Without effect on a principal.
    public var trustsDNS: Bool

    public init(
      gateway: Gateway, cache: String? = nil, identity: String? = nil, clientKeytab: String? = nil,
      trustsDNS: Bool = false
    ) {
      self.gateway = gateway
      self.cache = cache
      self.identity = identity
      self.clientKeytab = clientKeytab
      self.trustsDNS = trustsDNS
    }
  }

  public let target: GSSName
  public let credential: GSSCredential
  /// `nil` only where DNS is trusted.
  public let requirement: KerberosTicketRequirement?

  /// Looks up the configuration, the caches and the keytab: they are files, or servers; not on an event loop.
  ///
  /// - Throws: `configurationUnreadable`, `cacheUnreadable`, `noTicket` with a text that names the file or the cache; what
  ///   the library says; a misuse for a text that is no principal.
  public init(_ request: Request) throws(GSSError) {
    let library = try KerberosLibrary()
    let client = try KerberosClientChoice(request, library)
    switch request.gateway {
    case .service(let service, let host) where request.trustsDNS:
      target = try .hostBased("\(service)@\(host)")
      requirement = nil
    case .service(let service, let host):
      let named = try KerberosGatewayName(request.gateway, library).object(clientRealm: client.realm, library)
      target = try .kerberosPrincipal(named)
      requirement = .service(service, host: host)
    case .principal(let text):
      let named = try KerberosGatewayName(request.gateway, library).object(clientRealm: client.realm, library)
      target = try .kerberosPrincipal(named)
      requirement = .principal(try KerberosGatewayName.parsed(text))
    }
    credential = try GSSCredential(
      initiatorFor: try client.identity.map { text throws(GSSError) in try GSSName.kerberosPrincipal(text) },
      mechanisms: [.krb5],
      store: GSSCredentialStore(credentialCache: client.cache, clientKeytab: request.clientKeytab))
  }
}
