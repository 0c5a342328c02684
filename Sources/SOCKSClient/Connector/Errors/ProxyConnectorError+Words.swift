import SOCKSCore

extension ProxyConnectorError: CustomStringConvertible {
  /// One line: what failed, and what can be done.
  public var description: String {
    let gateway = "gateway \(self.gatewayWords)"
    switch self.reason.base {
    case .gatewayNotFound:
      guard self.gatewayZone == nil else { return "cannot find \(gateway): this machine has no such interface" }
      return "cannot find \(gateway): its name has no address"
    case .gatewayRefusedConnection:
      return "cannot reach \(gateway): connection refused; nothing listens there"
    case .gatewayUnreachable:
      return "cannot reach \(gateway)\(self.because)"
    case .gatewayTimedOut:
      return "cannot reach \(gateway): timed out waiting for the connection"
    case .noTicket:
      guard !self.usesClientKeytab else { return "no Kerberos ticket, and none with the client keytab\(self.because)" }
      return "no Kerberos ticket: run kinit\(self.inParentheses)"
    case .ticketExpired:
      return "the Kerberos ticket has expired: run kinit again"
    case .unknownService where self.detail.contains("krbtgt/"):
      // The ticket that is missing is one for another realm.
      return
        "Kerberos does not know a way from your realm to the gateway's\(self.inParentheses): check that realm "
        + "([domain_realm] in krb5.conf), or use a ticket of it"
    case .unknownService:
      return "Kerberos does not know the service \(self.service): check the gateway's name, or "
        + "try --service \(self.otherService) or --principal\(self.inParentheses)" + self.principalHint
    case .ticketForOtherService:
      return "\(gateway) was not contacted as \(self.service), and no ticket was sent\(self.because)"
    case .ticketCacheUnreadable:
      return "the Kerberos ticket cache cannot be read\(self.because)"
    case .configurationUnreadable:
      return "the Kerberos configuration cannot be read\(self.because)"
    case .ticketTooLong:
      return
        "Kerberos authentication to \(self.service) is not possible\(self.because); the likely cause: the user is a "
        + "member of too many groups, which the ticket lists"
    case .kdcUnreachable:
      return "no Kerberos server (KDC) answers: check the network and krb5.conf\(self.inParentheses)"
    case .clockSkew:
      return "this machine's clock and the Kerberos server's differ too much: set the clock"
    case .kerberosFailed:
      return "Kerberos authentication to \(self.service) failed\(self.because)" + self.principalHint
    case .gatewayRefusedAuthentication:
      return
        "\(gateway) refused the authentication for \(self.service)\(self.because); its log has the reason (it may not "
        + "serve that name or level, its key may be out of date, or the clocks may differ)" + self.principalHint
    case .methodNotAccepted:
      return "\(gateway) does not take Kerberos (GSS-API) authentication\(self.inParentheses)"
    case .contextTooWeak:
      return "\(gateway) cannot be used safely\(self.because)"
    case .levelNotAcceptable:
      return "\(gateway) does not agree to the protection level\(self.because)"
    case .targetNameMalformed:
      return "cannot \(self.requestWords): \(self.detail)"
    case .targetRefused:
      return "\(gateway) cannot \(self.requestWords): \(self.replyWords)"
    case .timedOut:
      return "\(gateway): \(self.detail.isEmpty ? "timed out" : self.detail)"
    case .gatewayClosed:
      return "\(gateway) ended the connection before it was established\(self.because)"
    case .protocolViolated:
      return "\(gateway) violates RFC 1961\(self.because)"
    case .tooBusy:
      return "too many connections are being made at once\(self.inParentheses)"
    case .localFailure:
      return "this machine cannot make the connection now\(self.because)"
    case .internalError:
      return "internal error\(self.because)"
    }
  }

  private var gatewayWords: String {
    let gateway = escaped(self.gateway.description)
    guard let zone = self.gatewayZone, let bracket = gateway.lastIndex(of: "]") else { return gateway }
    return "\(gateway[..<bracket])%\(escaped(zone))\(gateway[bracket...])"
  }

  private var requestWords: String {
    let target = escaped(self.target?.description ?? "the target")
    switch self.request?.command {
    case .bind?:
      return self.target?.host.isUnspecified == true ? "take a connection" : "take a connection from \(target)"
    case .udpAssociate?: return "relay datagrams"
    default: return "connect to \(target)"
    }
  }

  /// A principal of one part is a user's, unless it is a machine account of Active Directory.
  private var principalHint: String {
    let name = self.service.prefix { $0 != "@" }
    guard !name.contains("/"), !name.hasSuffix("$") else { return "" }
    return "; --principal takes the gateway's principal (NAME/HOST@REALM), and --as takes yours"
  }

  /// The two names that gateways have in the field: the one that was not asked for.
  private var otherService: String { self.service.hasPrefix("rcmd/") ? "socks" : "rcmd" }

  private var because: String { self.detail.isEmpty ? "" : ": \(self.detail)" }

  private var inParentheses: String { self.detail.isEmpty ? "" : " (\(self.detail))" }

  private var replyWords: String {
    switch self.replyCode {
    case .notAllowedByRuleset?: "the gateway's rules do not allow it"
    case .networkUnreachable?: "its network is unreachable from there"
    case .hostUnreachable?: "there is no such host, or it does not answer"
    case .connectionRefused?: "the target refused the connection"
    case .ttlExpired?: "the way to it is too long (TTL expired)"
    case .commandNotSupported?: "the gateway does not offer this command"
    case .addressTypeNotSupported?: "the gateway does not take this kind of address"
    case .generalFailure?: "the gateway failed (it gives no reason)"
    case let code?: "\(code)"
    case nil: "it gives no reason"
    }
  }
}
