public import GSSAPI
import SOCKSCore

/// The principals of a keytab that an acceptor serves: `SERVICE/HOST` with one of the services chosen. Pure.
public struct ServedPrincipals: Sendable {
  public struct Key: Hashable, Sendable {
    public let version: UInt32
    /// The Kerberos encryption type (RFC 3961).
    public let encryptionType: Int32
  }

  public struct Principal: Sendable {
    public let server: KerberosTicketServer
    /// In the keytab's order.
    public internal(set) var keys: [Key]
  }

  /// Each once, in the keytab's order.
  public private(set) var principals: [Principal] = []
  /// The services chosen.
  public let services: [String]

  private var byName: [Name: Int] = [:]
  /// The first of the keytab among those that differ by the host's case only.
  private var byFoldedName: [Name: Int] = [:]
  /// Principals of the keytab with another service, or of another form.
  private var others: Set<Name> = []

  private struct Name: Hashable {
    let realm: [UInt8]
    let components: [[UInt8]]

    init(_ server: KerberosTicketServer) {
      self.realm = server.realm
      self.components = server.components
    }

    /// With the host in lower case, ASCII alone; service and realm as they are.
    init(folding server: KerberosTicketServer) {
      self.realm = server.realm
      self.components = server.components.enumerated().map { index, component in
        index == 0 ? component : component.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
      }
    }
  }

  public init(entries: [KerberosKeytab.Entry], services: [String]) {
    self.services = services
    let names = Set(services.map { Array($0.utf8) })
    for entry in entries {
      guard let server = entry.server else { continue }
      let name = Name(server)
      guard server.components.count == 2, let service = server.components.first, names.contains(service),
        server.components.last?.isEmpty == false
      else {
        self.others.insert(name)
        continue
      }
      let key = Key(version: entry.version, encryptionType: entry.encryptionType)
      if let index = self.byName[name] {
        self.principals[index].keys.append(key)
      } else {
        self.byName[name] = self.principals.count
        let folded = Name(folding: server)
        if self.byFoldedName[folded] == nil { self.byFoldedName[folded] = self.principals.count }
        self.principals.append(Principal(server: server, keys: [key]))
      }
    }
  }

  /// The entry that serves a ticket: the one with exactly its name, else one whose host differs by case only.
  public func principal(for server: KerberosTicketServer) -> KerberosTicketServer? {
    let index = self.byName[Name(server)] ?? self.byFoldedName[Name(folding: server)]
    return index.map { self.principals[$0].server }
  }

  /// For a line of log or a message: at most ``shownNames`` names.
  public var text: String {
    let shown = self.principals.prefix(Self.shownNames).map { Self.shown($0.server) }.joined(separator: " ")
    let rest = self.principals.count - Self.shownNames
    return rest > 0 ? "\(shown) and \(rest) more" : shown
  }

  public static let shownNames = 8

  /// Why a ticket is refused that no entry serves, and what the operator can do.
  func refusal(of server: KerberosTicketServer, keytab: String) -> SOCKSError {
    let claimed = Self.shown(server)
    let remedy =
      if self.others.contains(Name(server)) {
        "the keytab has a key for it, but kerberos.services does not name its service"
      } else {
        "the keytab has no key for it; if clients may use this name, add one with ktadd -k \(keytab), "
          + "or in Active Directory with adcli, msktutil or samba-tool"
      }
    return SOCKSError(
      .serviceNotServed, "the ticket is for \(claimed): \(remedy); served are \(self.text)", serviceClaimed: claimed)
  }

  /// A name in a message, never longer than ``shownLength``; the message's reader escapes it.
  static func shown(_ server: KerberosTicketServer) -> String {
    let text = server.description
    return text.count > Self.shownLength ? text.prefix(Self.shownLength) + "…" : text
  }

  static let shownLength = 120
}
