public import SOCKSCore

extension SessionEnd {
  /// What ended a session.
  public enum Cause: Hashable, Sendable {
    /// Both streams came to their ends; of an association, its control connection was closed.
    case completed
    /// A rule of this side forbids it.
    case refused(Refusal)
    /// The other proxy answered the request with a failure (RFC 1928 section 6): of the bridge.
    case refusedUpstream(SOCKSReplyCode)
    /// A limit was reached.
    case limit(Limit)
    case timeout(Timeout)
    /// A deadline of the negotiation passed while a step of this side was in flight: a call of the security library, or
    /// the check of a password.
    case stepTimeout(Timeout)
    /// Another connection has taken its place, before anybody had authenticated on it.
    case evicted
    /// This program is stopping, and the session had not begun to relay.
    case draining
    /// This program has stopped: the time for relays to end was up.
    case stopped
    case ticketExpired
    case connectFailed(ConnectFailure)
    /// What was asked for cannot be the name of a host.
    case malformedName
    case authenticationFailed(AuthenticationFailure)
    /// Something of this machine's did not work.
    case trouble(Trouble)
    /// A message that breaks the protocol, or asks for what is not served. The party is the one that sent it.
    case violation(SOCKSError.Code, by: SessionParty)
    /// What plainly is another protocol.
    case foreignProtocol(ForeignProtocol)
    /// A connection was closed in the middle.
    case connectionClosed
    /// The network broke a connection: silence on it, no way to the other end.
    case ioError
    /// An error of this program. It costs the session, never the process.
    case bug
  }

  /// What a rule has refused. The three parts are for the record; the wire has one answer to all of them.
  public struct Refusal: Hashable, Sendable {
    public enum Code: String, Hashable, Sendable, CaseIterable {
      /// A rule denies it.
      case denied
      /// No rule allows it.
      case noRule = "no-rule"
      /// A rule would allow it, but does not name this special address.
      case specialAddress = "special-address"
      /// The name that the client has proved cannot be read, so no rule can be about it.
      case unreadablePrincipal = "unreadable-principal"
    }

    public var rule: String?
    public var code: Code
    public var text: String

    public init(rule: String? = nil, code: Code, text: String) {
      self.rule = rule
      self.code = code
      self.text = text
    }
  }

  public enum Limit: String, Hashable, Sendable, CaseIterable {
    /// The one limit that is about the client.
    case sessionsPerPrincipal = "too-many-sessions"
    case authenticationQueue = "authentication-queue-full"
    case passwordQueue = "password-queue-full"
    case lookupQueue = "lookup-queue-full"
    case descriptors = "no-descriptors"
    case memory = "no-memory"
    case diskSpace = "no-disk-space"
    /// Of BIND or of associations.
    case ports = "no-ports"
  }

  public enum Timeout: String, Hashable, Sendable, CaseIterable {
    case method = "method-timeout"
    case authentication = "authentication-timeout"
    case level = "level-timeout"
    case request = "request-timeout"
    case resolve = "resolve-timeout"
    case connect = "connect-timeout"
    /// The peer of a BIND.
    case bind = "bind-timeout"
    case idle = "idle-timeout"
    case halfClosed = "half-closed-timeout"
    case session = "session-timeout"
    /// The other proxy did not answer: of the bridge.
    case gateway = "gateway-timeout"
  }

  public enum ConnectFailure: String, Hashable, Sendable, CaseIterable {
    case refused = "connection-refused"
    case hostUnreachable = "host-unreachable"
    case networkUnreachable = "network-unreachable"
    case noSuchName = "no-such-name"
    /// The resolver could not say whether there is such a name.
    case resolver = "resolve-failed"
    case other = "connect-failed"
  }

  public enum AuthenticationFailure: String, Hashable, Sendable, CaseIterable {
    case password = "password-refused"
    case context = "context-failed"
    case contextTooWeak = "context-too-weak"
    case serviceNotServed = "service-not-served"
    case levelNotAcceptable = "level-not-acceptable"
    case clockSkew = "clock-skew"
    case credentialsExpired = "credentials-expired"
    // Of clients:
    case noCredentials = "no-credentials"
    case unknownService = "unknown-service"
    /// The ticket that was about to be sent is not for the gateway that was named.
    case ticketForOtherService = "ticket-for-other-service"
    case ticketCache = "ticket-cache-unreadable"
    /// A Kerberos message has more bytes than SOCKS carries.
    case tokenTooLong = "token-too-long"
    case kdcUnreachable = "kdc-unreachable"
    /// The other end answered with an abort (RFC 1961 section 3.8).
    case abort = "abort-received"
  }

  /// What is wrong on this machine, no matter who connects.
  public enum Trouble: String, Hashable, Sendable, CaseIterable {
    case keytab = "keytab-unreadable"
    case replayCache = "replay-cache-unreadable"
    case kerberosConfiguration = "krb5-conf-unreadable"
    /// A socket of this machine's could not be had or used.
    case socket = "socket-failed"
  }
}
