import ArgumentParser
import NIOCore
import SOCKSClient
import SOCKSCore
import SOCKSGSSAPI

/// Which gateway, as whom, how well protected: the same for all commands.
struct GatewayOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The gateway's address. Default port: 1080. IPv6: '[2001:db8::1]:1080'.", valueName: "host:port")
  )
  var gateway: String

  @Option(
    help: ArgumentHelp(
      "The service name in the gateway's principal, NAME/HOST: usually 'socks', at some sites 'rcmd'.",
      valueName: "name"))
  var service: String = "socks"

  @Option(
    help: ArgumentHelp(
      "The gateway's full principal, if its host name differs from the one you type. The ticket must be for exactly this "
        + "one.", valueName: "principal"))
  var principal: String?

  @Flag(
    name: .customLong("trust-dns"),
    help: ArgumentHelp(
      "Let DNS name the gateway, as krb5.conf says (dns_canonicalize_hostname, rdns, dns_lookup_realm). Anyone who can "
        + "forge DNS can then impersonate the gateway with another service of the realm."))
  var trustDNS = false

  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "Your own principal, if you have tickets or keys for several. Default: the one that fits the gateway.",
      valueName: "principal"))
  var identity: String?

  @Option(
    help: ArgumentHelp(
      "The protection to request: 'confidentiality' (2: encrypted), 'integrity' (1: authenticated, not encrypted), "
        + "'selective' (3: see --seal). Weaker protection is never accepted.",
      valueName: "level"))
  var level: String = "confidentiality"

  @Option(
    help: ArgumentHelp(
      "At level 3, what to encrypt: 'unless-encrypted' (everything not already encrypted by TLS or SSH) or 'always'.",
      valueName: "what"))
  var seal: String = "unless-encrypted"

  @Option(
    help: ArgumentHelp(
      "The ticket cache, if not the default one (KRB5CCNAME). From a collection (DIR:, KCM:, KEYRING:) the cache that "
        + "fits the gateway is used.", valueName: "cache"))
  var ccache: String?

  @Option(help: ArgumentHelp("A keytab to get tickets with, for unattended use.", valueName: "keytab"))
  var clientKeytab: String?

  @Option(
    help: ArgumentHelp(
      "What wraps and unwraps messages: 'auto' (the fastest available), 'portable' (libcrypto) or 'system' (the GSS-API library).",
      valueName: "engine"),
    transform: { text in
      guard let choice = TokenEngine.Choice(rawValue: text) else {
        throw ValidationError("--engine is 'auto', 'portable' or 'system'")
      }
      return choice
    })
  var engine: TokenEngine.Choice = .auto

  /// Made when it is first asked for: it is tested then.
  var tokens: TokenEngine { self.engine == .auto ? .automatic : TokenEngine(self.engine) }

  @Option(
    help: ArgumentHelp("Give up when a connection is not established after this long.", valueName: "seconds"))
  var timeout: UInt32 = 60

  func validate() throws { _ = try self.configuration() }

  func configuration() throws -> ProxyConnector.Configuration {
    let typed: GatewayAddress
    do {
      typed = try GatewayAddress(parsing: self.gateway, defaultPort: 1080)
    } catch {
      throw ValidationError("--gateway: \(error.detail)")
    }
    let gateway = typed.address
    guard gateway.port > 0 else { throw ValidationError("--gateway: the port is 0") }
    guard !self.service.isEmpty, !self.service.contains("/"), !self.service.contains("@") else {
      throw ValidationError("--service takes a name such as 'socks'; for a whole principal there is --principal")
    }
    guard let level = ProtectionLevel(self.level) else {
      throw ValidationError("--level is 'confidentiality' (2), 'integrity' (1) or 'selective' (3)")
    }
    guard let selective = SelectiveSealing.Policy(rawValue: self.seal) else {
      throw ValidationError("--seal is 'unless-encrypted' or 'always'")
    }
    guard (1...86_400).contains(self.timeout) else { throw ValidationError("--timeout is 1 to 86400 seconds") }
    guard self.principal == nil || !self.trustDNS else {
      throw ValidationError("--trust-dns has no meaning beside --principal, which names the gateway")
    }
    guard self.ccache != "" else { throw ValidationError("--ccache: the name of the cache is empty") }
    guard self.clientKeytab != "" else { throw ValidationError("--client-keytab: the name of the keytab is empty") }
    try Self.check(principal: self.principal, of: "--principal")
    try Self.check(principal: self.identity, of: "--as")
    let target = self.principal.map { GSSInitiatorProvider.Target.principal($0) }
    var configuration = ProxyConnector.Configuration(
      gateway: gateway, target: target ?? .service(self.service, host: gateway.host.description))
    configuration.level = level
    configuration.selective = selective
    configuration.gatewayZone = typed.zone
    configuration.trustsDNS = self.trustDNS
    configuration.credentialCache = self.ccache
    configuration.identity = self.identity
    configuration.clientKeytab = self.clientKeytab
    configuration.negotiationTimeout = .seconds(Int64(self.timeout))
    configuration.connectTimeout = .seconds(min(20, Int64(self.timeout)))
    return configuration
  }

  private static func check(principal: String?, of option: String) throws {
    guard let principal, !ProxyConnector.isPrincipal(principal) else { return }
    throw ValidationError("\(option): '\(escaped(principal))' is not a Kerberos principal, such as NAME/HOST@REALM")
  }
}
