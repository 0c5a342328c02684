public import SOCKSCore

/// Why a connection through the gateway did not come about, in the words of the person who wanted it.
public struct ProxyConnectorError: Error, Sendable, Hashable {
  /// What went wrong. New reasons may come; match with a default.
  public struct Reason: Hashable, Sendable {
    enum Base: Hashable, Sendable {
      case gatewayNotFound, gatewayRefusedConnection, gatewayUnreachable, gatewayTimedOut
      case noTicket, ticketExpired, unknownService, kdcUnreachable, clockSkew, kerberosFailed
      case ticketForOtherService, ticketCacheUnreadable, configurationUnreadable, ticketTooLong
      case gatewayRefusedAuthentication, methodNotAccepted, contextTooWeak, levelNotAcceptable
      case targetNameMalformed, targetRefused, timedOut, gatewayClosed, protocolViolated, tooBusy, localFailure
      case internalError
    }

    let base: Base

    /// The gateway's name has no address.
    public static let gatewayNotFound = Self(base: .gatewayNotFound)
    /// Nothing listens on the gateway's port.
    public static let gatewayRefusedConnection = Self(base: .gatewayRefusedConnection)
    /// The gateway's addresses cannot be reached.
    public static let gatewayUnreachable = Self(base: .gatewayUnreachable)
    /// The gateway's addresses do not answer.
    public static let gatewayTimedOut = Self(base: .gatewayTimedOut)
    /// There is no Kerberos ticket.
    public static let noTicket = Self(base: .noTicket)
    /// The Kerberos ticket has expired.
    public static let ticketExpired = Self(base: .ticketExpired)
    /// The realm has no such service.
    public static let unknownService = Self(base: .unknownService)
    /// No key distribution centre answers.
    public static let kdcUnreachable = Self(base: .kdcUnreachable)
    /// The clocks are too far apart.
    public static let clockSkew = Self(base: .clockSkew)
    /// The ticket is for another service than the one that was named. Nothing of it was sent.
    public static let ticketForOtherService = Self(base: .ticketForOtherService)
    /// The ticket cache cannot be reached or read.
    public static let ticketCacheUnreadable = Self(base: .ticketCacheUnreadable)
    /// `krb5.conf`, or a file that it includes, cannot be read.
    public static let configurationUnreadable = Self(base: .configurationUnreadable)
    /// The Kerberos message has more bytes than SOCKS carries.
    public static let ticketTooLong = Self(base: .ticketTooLong)
    /// The Kerberos library failed for another reason.
    public static let kerberosFailed = Self(base: .kerberosFailed)
    /// The gateway answered with an abort (RFC 1961 section 3.8).
    public static let gatewayRefusedAuthentication = Self(base: .gatewayRefusedAuthentication)
    /// The gateway does not take GSS-API authentication.
    public static let methodNotAccepted = Self(base: .methodNotAccepted)
    /// The context lacks something that protection needs.
    public static let contextTooWeak = Self(base: .contextTooWeak)
    /// The gateway answered with a level that the user does not accept.
    public static let levelNotAcceptable = Self(base: .levelNotAcceptable)
    /// What the target is called cannot be the name of a host; the gateway was not asked.
    public static let targetNameMalformed = Self(base: .targetNameMalformed)
    /// The gateway answered the request with a failure: see ``ProxyConnectorError/replyCode``.
    public static let targetRefused = Self(base: .targetRefused)
    /// The negotiation took too long.
    public static let timedOut = Self(base: .timedOut)
    /// The gateway closed the connection.
    public static let gatewayClosed = Self(base: .gatewayClosed)
    /// The other end does not keep to the protocol, or a message was altered.
    public static let protocolViolated = Self(base: .protocolViolated)
    /// Too many connections are being made at once.
    public static let tooBusy = Self(base: .tooBusy)
    /// A socket, a file descriptor or memory of this machine's could not be had.
    public static let localFailure = Self(base: .localFailure)
    /// An error of this program.
    public static let internalError = Self(base: .internalError)
  }

  public let reason: Reason

  /// The gateway, as it was typed.
  public let gateway: SOCKSAddress

  /// The gateway's zone, where one was typed.
  public let gatewayZone: String?

  /// The principal that was asked for, escaped.
  public let service: String

  /// Tickets were to be had with a client keytab that was named.
  let usesClientKeytab: Bool

  /// What was asked of the gateway; nil when it was not reached.
  public let request: SOCKSRequest?

  /// The target; nil when the gateway was not reached.
  public var target: SOCKSAddress? { self.request?.destination }

  /// The gateway's reply, for `targetRefused`.
  public let replyCode: SOCKSReplyCode?

  /// What the library or the system said, escaped; for a log.
  public let detail: String

  /// What had been agreed with the gateway by then, in one line for a log or a person; nil when nothing had.
  public let agreed: String?

  /// The error of the negotiation; nil when the gateway was not reached.
  let code: SOCKSError.Code?

  init(
    _ reason: Reason, _ configuration: ProxyConnector.Configuration, request: SOCKSRequest? = nil,
    replyCode: SOCKSReplyCode? = nil, detail: String = "", code: SOCKSError.Code? = nil,
    agreed: String? = nil
  ) {
    self.reason = reason
    self.gateway = configuration.gateway
    self.gatewayZone = configuration.gatewayZone
    self.service = configuration.targetName
    self.usesClientKeytab = configuration.clientKeytab != nil
    self.request = request
    self.replyCode = replyCode
    self.detail = detail
    self.code = code
    self.agreed = agreed
  }
}

extension ProxyConnectorError {
  /// The answer for a local SOCKS client whose request failed for this reason: the gateway's own, if it gave one.
  public var localReplyCode: SOCKSReplyCode {
    if let code = self.replyCode, code != .succeeded { return code }
    switch self.reason.base {
    case .gatewayNotFound, .gatewayTimedOut, .targetNameMalformed: return .hostUnreachable
    case .gatewayUnreachable: return .networkUnreachable
    case .timedOut: return .hostUnreachable
    case .gatewayRefusedConnection, .noTicket, .ticketExpired, .unknownService, .kdcUnreachable, .clockSkew,
      .ticketForOtherService, .ticketCacheUnreadable, .configurationUnreadable, .ticketTooLong,
      .kerberosFailed, .gatewayRefusedAuthentication, .methodNotAccepted, .contextTooWeak, .levelNotAcceptable,
      .targetRefused, .gatewayClosed, .protocolViolated, .tooBusy, .localFailure, .internalError:
      return .generalFailure
    }
  }
}
