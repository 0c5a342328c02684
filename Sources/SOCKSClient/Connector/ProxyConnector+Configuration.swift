public import NIOCore
public import SOCKSCore
public import SOCKSGSSAPI

extension ProxyConnector {
  /// Which gateway to use, and how.
  public struct Configuration: Hashable, Sendable {
    /// The gateway, as the user typed it.
    public var gateway: SOCKSAddress

    /// The zone of a link-local gateway (RFC 4007 section 11), such as `eth0`: a matter of this machine alone.
    public var gatewayZone: String?

    /// Whom the gateway has to prove to be.
    public var target: GSSInitiatorProvider.Target

    /// Let `krb5.conf` decide whether DNS names the gateway's host and realm (`dns_canonicalize_hostname`, `rdns`,
    /// `dns_lookup_realm`). Without it the gateway must be the one that was named.
    public var trustsDNS: Bool

    /// The ticket cache in the Kerberos library's spelling (`FILE:/tmp/krb5cc_1000`), or a collection (`DIR:…`, `KCM:`,
    /// `KEYRING:…`), of which the one that fits is used; nil for the library's default.
    public var credentialCache: String?

    /// The client's principal; nil for the one whose cache fits the gateway.
    public var identity: String?

    /// A keytab to get tickets with when the cache has none, in the library's spelling.
    public var clientKeytab: String?

    /// The level to ask for.
    public var level: ProtectionLevel

    /// The levels to be content with; nil for those that are not weaker than the one asked for. Anything else that the
    /// gateway answers ends the connection.
    public var acceptableLevels: Set<ProtectionLevel>?

    /// Which messages are sealed at level 3.
    public var selective: SelectiveSealing.Policy

    /// For looking up the gateway's name and trying its addresses (Happy Eyeballs, RFC 8305), together.
    public var connectTimeout: TimeAmount

    /// From the connection to the gateway's reply: Kerberos, the level, and the gateway's own connection attempt.
    public var negotiationTimeout: TimeAmount

    /// How long ``ProxyConnector/bind(expecting:on:)`` waits for the peer; the gateway may have a shorter limit.
    public var acceptTimeout: TimeAmount

    /// Datagrams of one association that may wait for their reader.
    public var maximumBufferedDatagrams: Int

    /// - Parameters:
    ///   - gateway: host and port.
    ///   - service: the service name that, with the gateway's host as typed, makes the principal to ask for.
    public init(gateway: SOCKSAddress, service: String = "socks") {
      self.init(gateway: gateway, target: .service(service, host: gateway.host.description))
    }

    /// - Parameters:
    ///   - gateway: host and port.
    ///   - target: a service name with another host name than the gateway's, or a whole principal.
    public init(gateway: SOCKSAddress, target: GSSInitiatorProvider.Target) {
      self.gateway = gateway
      self.target = target
      self.trustsDNS = false
      self.level = .confidentiality
      self.selective = .unlessEncrypted
      self.connectTimeout = .seconds(20)
      self.negotiationTimeout = .seconds(60)
      self.acceptTimeout = .minutes(10)
      self.maximumBufferedDatagrams = 256
    }

    /// The host to connect to, with its zone.
    var gatewayHost: String {
      self.gateway.host.description + (self.gatewayZone.map { "%\($0)" } ?? "")
    }

    /// The principal asked for and who decides it, for the line that says where a program listens.
    public var targetWords: String {
      guard self.trustsDNS else { return self.targetName }
      return "\(self.targetName), or of what DNS names (--trust-dns)"
    }

    /// The principal asked for, as it is shown.
    public var targetName: String {
      switch self.target {
      case .service(let service, let host): escaped("\(service)/\(host)")
      case .principal(let principal): escaped(principal)
      }
    }
  }

  /// Whether a text can be a Kerberos principal.
  public static func isPrincipal(_ text: String) -> Bool { GSSInitiatorProvider.isPrincipal(text) }
}
