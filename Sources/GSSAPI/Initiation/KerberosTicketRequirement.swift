/// Whom a ticket has to be for before it is sent. Pure.
///
/// Neither DNS nor a ticket cache decides that: the user has said it.
public enum KerberosTicketRequirement: Hashable, Sendable {
  /// `service/host` in any realm: exactly two parts, the service exactly, the host without case and without a final dot.
  case service(String, host: String)
  /// This principal exactly; without a realm in any.
  case principal(KerberosPrincipalName)

  /// Whether a ticket for this server may be sent.
  public func admits(_ server: KerberosTicketServer) -> Bool {
    admits(components: server.components, realm: server.realm)
  }

  private func admits(components: [[UInt8]], realm: [UInt8]?) -> Bool {
    switch self {
    case .service(let service, let host):
      guard components.count == 2, let first = components.first, let last = components.last else { return false }
      let wanted = Self.folded(Array(host.utf8))
      return !wanted.isEmpty && first == Array(service.utf8) && Self.folded(last) == wanted
    case .principal(let principal):
      guard principal.components == components else { return false }
      guard let wanted = principal.realm, let realm else { return true }
      return wanted == realm
    }
  }

  /// - Parameter server: `nil` when the token shows no ticket, which is refused.
  func check(ticketFor server: KerberosTicketServer?) throws(GSSError) {
    guard let server else {
      throw GSSError(
        code: .ticketForOtherServer, operation: "GSSInitiator", majorMessages: ["the first token shows no ticket"])
    }
    guard admits(server) else {
      throw GSSError(
        code: .ticketForOtherServer, operation: "GSSInitiator", majorMessages: ["the ticket is for \(server)"])
    }
  }

  /// - Parameter acceptorName: as the library shows it. MIT's leaves the realm empty where no configuration maps the host.
  func check(contextFor acceptorName: String?) throws(GSSError) {
    let text = acceptorName ?? ""
    let name = KerberosPrincipalName(text.hasSuffix("@") ? String(text.dropLast()) : text)
    guard let name, admits(components: name.components, realm: name.realm) else {
      throw GSSError(
        code: .ticketForOtherServer, operation: "GSSInitiator", majorMessages: ["the context is with \(text)"])
    }
  }

  /// ASCII letters in lower case, without a final dot.
  private static func folded(_ host: [UInt8]) -> [UInt8] {
    let name = host.last == UInt8(ascii: ".") ? host.dropLast() : host[...]
    return name.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
  }
}
