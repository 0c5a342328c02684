import GSSAPI
import SOCKSCore

/// What to do about a name that Kerberos does not know, or has a ticket of another name for. Pure.
struct NameHints {
  /// Of any content: escape them where they are shown or logged.
  let texts: [String]

  init(_ code: SOCKSError.Code, _ request: KerberosInitiation.Request, _ inquiry: KerberosNameInquiry?) {
    var texts: [String] = []
    if code == .ticketForOtherService, let inquiry { texts += Self.cause(inquiry.named, request) }
    let isUnknown = code == .unknownService || inquiry?.named == .unknown
    if isUnknown, !request.trustsDNS {
      texts += Self.candidates(inquiry?.known ?? [])
      if let host = request.host, texts.isEmpty || inquiry?.known.isEmpty != false { texts += Self.form(of: host) }
    }
    self.texts = texts
  }

  /// Why a ticket for another server was found.
  private static func cause(
    _ answer: KerberosNameInquiry.Answer, _ request: KerberosInitiation.Request
  ) -> [String] {
    switch answer {
    case .unclear: []
    case .unknown:
      ["it was in the ticket cache under the gateway's name: run kdestroy, then kinit"]
    case .ticket(let server):
      if request.requirement?.admits(server) == true {
        ["it was in the ticket cache under the gateway's name: run kdestroy, then kinit"]
      } else {
        [
          "the Kerberos server replaces the name: if the gateway's operator confirms that this is the gateway, use "
            + "--principal \(server)" + (request.host == nil ? "" : ", or --trust-dns")
        ]
      }
    }
  }

  private static func candidates(_ known: [KerberosTicketServer]) -> [String] {
    guard let first = known.first else { return [] }
    return [
      "Kerberos knows \(first), after DNS's name for this host: if the gateway's operator confirms that name (DNS proves "
        + "nothing), use --principal \(first), or --trust-dns"
    ]
  }

  private static func form(of host: String) -> [String] {
    if IPAddress(host) != nil {
      return ["an address is rarely the name of a service: give the gateway's name, --principal or --trust-dns"]
    }
    let name = host.hasSuffix(".") ? host.dropLast() : host[...]
    guard !name.contains(".") else { return [] }
    return ["it is a short name, which DNS is not asked to complete: give the whole name, --principal or --trust-dns"]
  }
}

extension KerberosInitiation.Request {
  /// What the ticket must be for; nil where DNS decides, or where the text is no principal.
  var requirement: KerberosTicketRequirement? {
    switch self.gateway {
    case .service(let service, let host): self.trustsDNS ? nil : .service(service, host: host)
    case .principal(let text): KerberosPrincipalName(text).map { .principal($0) }
    }
  }
}
