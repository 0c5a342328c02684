import Logging
import NIOCore
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO

/// What all sessions of a gateway share: one object, since each session would otherwise hold on to all of its parts.
final class SessionServices: Sendable {
  /// For a client that is served as RFC 1961 says; ``negotiation(for:)`` makes the others' of it.
  private let gss: GSSAcceptorSubnegotiation.Configuration
  /// Nil where no listener takes passwords.
  let passwords: PasswordCheck?
  let timeouts: NegotiationTimeouts
  let selective: SelectiveSealing.Policy
  /// Makes a context to accept, for a channel of this event loop.
  let makeEstablishment: GatewayDependencies.MakeEstablishment
  let policy: AccessPolicy
  /// Called with everything that the rules are asked.
  let rulesAsked: @Sendable (RulesQuestion) -> Void
  let lookup: NameLookup
  let connector: TargetConnector
  let bind: BindServices
  /// `names.search`: domains that are appended to single labels.
  let searchDomains: [HostName]
  /// Where the gateway itself can be reached now.
  let ownSockets: OwnSockets
  let relay: StreamRelaySession.Limits
  let timers = LoopTimers()
  let associations: AssociationServices
  /// Whether a session ends with its ticket.
  let closesOnExpiry: Bool
  /// Seconds that the library adds to an acceptor's lifetime.
  let clockSkew: Int64
  /// How long a relay may last, where its rule does not say.
  let sessionLength: TimeAmount
  let admission: AdmissionControl
  /// For what clients can cause before they have sent a credential.
  let lines: RepeatedLines
  let trouble: OngoingTrouble
  let accounts: PrincipalAccounts
  /// By the rules' places in the policy.
  let ruleBuckets: [Int: BandwidthBucket]
  let registry: SessionRegistry
  let logger: Logger

  init(
    _ configuration: Configuration, makeEstablishment: @escaping GatewayDependencies.MakeEstablishment,
    passwords: PasswordCheck? = nil, rulesAsked: @escaping @Sendable (RulesQuestion) -> Void = { _ in },
    lookup: NameLookup, registry: SessionRegistry, admission: AdmissionControl,
    lines: RepeatedLines, listenerLog: ListenerLog, ownSockets: OwnSockets, now: NIODeadline, logger: Logger
  ) {
    let policy = AccessPolicy(rules: configuration.rules)
    let kerberos = configuration.kerberos
    let timeouts = configuration.timeouts
    self.gss = GSSAcceptorSubnegotiation.Configuration(
      levels: Set(kerberos.levels),
      requirements: .acceptor(servedNames: Set(kerberos.services), allowsAnonymous: policy.admitsAnonymous),
      maximumRounds: kerberos.mechanisms.contains(.spnego) ? 5 : 1)
    self.passwords = passwords
    self.timeouts = NegotiationTimeouts(
      method: TimeAmount(timeouts.method), authentication: TimeAmount(timeouts.authentication),
      level: TimeAmount(timeouts.level), request: TimeAmount(timeouts.request))
    self.selective = kerberos.selective.seal
    self.makeEstablishment = makeEstablishment
    self.policy = policy
    let keepalive = TCPKeepalive(configuration.keepalive)
    self.rulesAsked = rulesAsked
    self.lookup = lookup
    self.connector = TargetConnector(timeout: TimeAmount(timeouts.connect), keepalive: keepalive)
    self.bind = BindServices(
      configuration: configuration.bind, ports: BindPorts(configuration.bind.ports), ownSockets: ownSockets,
      keepalive: keepalive, log: listenerLog)
    self.searchDomains = configuration.names.search
    self.ownSockets = ownSockets
    self.relay = StreamRelaySession.Limits(
      highWaterMark: configuration.limits.relayBuffer, idle: TimeAmount(timeouts.idle),
      halfClosed: TimeAmount(timeouts.halfClosed))
    self.associations = AssociationServices(
      configuration: configuration.udp, ports: AssociationPorts(), ownSockets: OwnSockets())
    self.closesOnExpiry = kerberos.expired == .close
    self.clockSkew = kerberos.clockSkew.components.seconds
    self.sessionLength = TimeAmount(timeouts.session)
    self.admission = admission
    self.lines = lines
    self.trouble = OngoingTrouble(lines: lines)
    self.accounts = PrincipalAccounts(configuration.limits)
    var ruleBuckets: [Int: BandwidthBucket] = [:]
    for (index, rule) in configuration.rules.enumerated() {
      ruleBuckets[index] = rule.bandwidth.map { BandwidthBucket($0, now: now) }
    }
    self.ruleBuckets = ruleBuckets
    self.registry = registry
    self.logger = logger
  }

  /// How the negotiation with a client runs that is served so.
  func negotiation(for service: ClientService) -> ServerNegotiation.Configuration {
    let methods = service.methods.compactMap { method -> ServerMethod? in
      switch method {
      case .gssapi: .gssapi(self.gss(for: service.compatibility))
      // Without a password file no password is right: the method is not offered.
      case .password: self.passwords == nil ? nil : .usernamePassword
      case .none: .noAuthentication
      }
    }
    return ServerNegotiation.Configuration(methods: methods, commands: [.connect, .bind, .associate])
  }

  private func gss(for compatibility: Set<CompatibilitySwitch>) -> GSSAcceptorSubnegotiation.Configuration {
    var gss = self.gss
    gss.compatibility = compatibility
    if compatibility.contains(.unprotected), let servedNames = gss.requirements.servedNames {
      gss.requirements = .acceptor(
        servedNames: servedNames, allowsAnonymous: gss.requirements.allowsAnonymous, protectsMessages: false)
    }
    return gss
  }
}

extension TCPKeepalive {
  init(_ keepalive: Configuration.Keepalive) {
    self.init(
      idle: CInt(clamping: keepalive.idle.components.seconds),
      interval: CInt(clamping: keepalive.interval.components.seconds), probes: CInt(clamping: keepalive.probes))
  }
}

extension Configuration.Kerberos {
  var acceptor: GSSAcceptorProvider.Configuration {
    GSSAcceptorProvider.Configuration(
      keytab: self.keytab, services: self.services, replayCache: self.replayCache.map { "file2:\($0)" },
      allowsNegotiation: self.mechanisms.contains(.spnego))
  }
}
