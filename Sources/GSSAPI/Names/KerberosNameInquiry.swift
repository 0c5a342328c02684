internal import CGSSAPI

/// Asks the KDC again after a failure, for a better message: what it says of the gateway's name now, and of other names of
/// its host. Nothing of it is stored in the user's cache, and nothing is ever authenticated with it.
public struct KerberosNameInquiry: Hashable, Sendable {
  public enum Answer: Hashable, Sendable {
    /// The KDC gives a ticket for this server. Of any content: escape it where it is shown or logged.
    case ticket(KerberosTicketServer)
    case unknown
    /// No answer, or another one.
    case unclear
  }

  /// What the KDC says of the name as it was typed.
  public let named: Answer
  /// The other hosts' principals that the KDC knows, in their order.
  public let known: [KerberosTicketServer]

  /// The most other names that are asked about.
  public static let maximumHosts = 3

  /// Blocks for as long as a KDC may take.
  ///
  /// - Parameter hosts: other names of the gateway's host. For a service only.
  /// - Returns: `nil` without a cache that holds tickets.
  public init?(_ request: KerberosInitiation.Request, hosts: [String]) {
    guard let library = try? KerberosLibrary(), let client = try? KerberosClientChoice(request, library),
      let cache = client.cache, let copy = KerberosTicketCopy(library, of: cache)
    else { return nil }
    func ask(_ gateway: KerberosInitiation.Gateway) -> Answer {
      guard let name = try? KerberosGatewayName(gateway, library).object(clientRealm: client.realm, library) else {
        return .unclear
      }
      return copy.ask(for: name)
    }
    named = ask(request.gateway)
    guard case .service(let service, _) = request.gateway else {
      known = []
      return
    }
    known = hosts.prefix(Self.maximumHosts).compactMap { host in
      guard case .ticket(let server) = ask(.service(service, host: host)) else { return nil }
      return server
    }
  }
}

/// The ticket-granting tickets of a cache, in memory: service tickets that were found once are left behind.
@safe
private final class KerberosTicketCopy {
  /// More tickets than any cache needs looking at.
  private static let maximumTickets = 10_000

  private let library: KerberosLibrary
  private let client: KerberosPrincipalObject
  private let memory: krb5_ccache

  init?(_ library: KerberosLibrary, of name: String) {
    var source: krb5_ccache?
    guard unsafe krb5_cc_resolve(library.raw, name, &source) == 0, let source = unsafe source else { return nil }
    defer { _ = unsafe krb5_cc_close(library.raw, source) }
    var principal: krb5_principal?
    guard unsafe krb5_cc_get_principal(library.raw, source, &principal) == 0, let principal = unsafe principal else {
      return nil
    }
    let client = unsafe KerberosPrincipalObject(owning: principal, library)
    var memory: krb5_ccache?
    guard unsafe krb5_cc_new_unique(library.raw, "MEMORY", nil, &memory) == 0, let memory = unsafe memory else {
      return nil
    }
    self.library = library
    self.client = client
    unsafe self.memory = unsafe memory
    guard unsafe krb5_cc_initialize(library.raw, memory, principal) == 0 else { return nil }
    unsafe copyGrantingTickets(of: source)
  }

  deinit {
    _ = unsafe krb5_cc_destroy(library.raw, memory)
  }

  func ask(for server: KerberosPrincipalObject) -> KerberosNameInquiry.Answer {
    let code: krb5_error_code
    var ticket: UnsafeMutablePointer<krb5_creds>?
    do throws(GSSError) {
      code = unsafe try client.withPointer { client throws(GSSError) in
        unsafe try server.withPointer { server in
          var wanted = unsafe krb5_creds()
          unsafe wanted.client = unsafe client
          unsafe wanted.server = unsafe server
          return unsafe krb5_get_credentials(library.raw, 0, memory, &wanted, &ticket)
        }
      }
    } catch {
      return .unclear
    }
    guard code == 0, let ticket = unsafe ticket else {
      return GSSError(code: .failure, operation: "", minor: code).isUnknownServerPrincipal ? .unknown : .unclear
    }
    defer { unsafe krb5_free_creds(library.raw, ticket) }
    guard let bytes = unsafe ticket.pointee.ticket.data, unsafe ticket.pointee.ticket.length > 0 else {
      return .unclear
    }
    let encoded = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(ticket.pointee.ticket.length)))
    return KerberosTicketServer(inTicket: encoded).map { .ticket($0) } ?? .unclear
  }

  private func copyGrantingTickets(of source: krb5_ccache) {
    var cursor: krb5_cc_cursor?
    guard unsafe krb5_cc_start_seq_get(library.raw, source, &cursor) == 0 else { return }
    defer { _ = unsafe krb5_cc_end_seq_get(library.raw, source, &cursor) }
    for _ in 0..<Self.maximumTickets {
      var ticket = unsafe krb5_creds()
      guard unsafe krb5_cc_next_cred(library.raw, source, &cursor, &ticket) == 0 else { return }
      defer { unsafe krb5_free_cred_contents(library.raw, &ticket) }
      guard let bytes = unsafe ticket.ticket.data, unsafe ticket.ticket.length > 0 else { continue }
      let encoded = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(ticket.ticket.length)))
      guard KerberosTicketServer(inTicket: encoded)?.components.first == Array("krbtgt".utf8) else { continue }
      _ = unsafe krb5_cc_store_cred(library.raw, memory, &ticket)
    }
  }
}
