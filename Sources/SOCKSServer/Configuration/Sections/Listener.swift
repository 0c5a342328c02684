public import SOCKSCore

/// How a client may say who it is, by the words of a configuration.
public enum AuthenticationMethod: String, Hashable, Sendable, CaseIterable {
  /// RFC 1961, with Kerberos.
  case gssapi
  /// RFC 1929: a name and a password of the password file. Both cross the network unencrypted.
  case password
  /// No proof at all; a rule has to name such clients by the word `unauthenticated`.
  case none
}

extension Configuration {
  /// `listen`: one place where the gateway accepts connections, a mapping.
  public struct Listener: Hashable, Sendable {
    /// `address`: `127.0.0.1:1080` or `"[::1]:1080"`; port 0 lets the system choose. Required.
    public var address: ListenAddress
    /// `methods`: how clients may authenticate, in the gateway's order of preference, of `gssapi`, `password` and `none`.
    /// Default: `[gssapi]`.
    public var methods: [AuthenticationMethod]
    /// `clients`: exceptions for networks of clients; the first that has the client's address decides. At most 100.
    /// Default: none.
    public var clients: [Clients]

    public init(_ address: ListenAddress, methods: [AuthenticationMethod] = [.gssapi], clients: [Clients] = []) {
      self.address = address
      self.methods = methods
      self.clients = clients
    }

    /// `clients`: how some networks of clients are served, a mapping.
    public struct Clients: Hashable, Sendable {
      /// `from`: the networks, as a list. Required.
      public var networks: [IPNetwork]
      /// `methods`: as the listener's, for these clients. Default: the listener's.
      public var methods: [AuthenticationMethod]?
      /// `compatibility`: departures from RFC 1961 for these clients, of `unprotected` and `nec`. Default: none.
      public var compatibility: [CompatibilitySwitch]

      public init(
        from networks: [IPNetwork], methods: [AuthenticationMethod]? = nil, compatibility: [CompatibilitySwitch] = []
      ) {
        self.networks = networks
        self.methods = methods
        self.compatibility = compatibility
      }
    }

    public static let maximumClients = 100

    /// How a client is served. One without an address is served as the listener says.
    func service(for client: IPAddress?) -> ClientService {
      let clients = client.flatMap { client in
        self.clients.first { $0.networks.contains { $0.contains(client) } }
      }
      return ClientService(
        methods: clients?.methods ?? self.methods, compatibility: Set(clients?.compatibility ?? []))
    }

    /// Whether some client may authenticate with a password.
    var takesPasswords: Bool { self.services.contains { $0.methods.contains(.password) } }

    /// Every way in which some client may be served.
    var services: [ClientService] {
      [ClientService(methods: self.methods, compatibility: [])]
        + self.clients.map { ClientService(methods: $0.methods ?? self.methods, compatibility: Set($0.compatibility)) }
    }
  }
}

extension Configuration.Listener: CustomStringConvertible {
  /// For a line of log: `127.0.0.1:1080 gssapi`, then in brackets how networks of clients are served.
  public var description: String {
    let clients = self.clients.map { clients in
      let networks = clients.networks.map(\.description).joined(separator: " ")
      let switches = clients.compatibility.map { " \($0.rawValue)" }.joined()
      return
        "; \(networks): \(Self.words(clients.methods ?? self.methods))\(switches.isEmpty ? "" : " with\(switches)")"
    }
    return "\(self.address) \(Self.words(self.methods))\(clients.joined())"
  }

  private static func words(_ methods: [AuthenticationMethod]) -> String {
    methods.map(\.rawValue).joined(separator: " ")
  }
}

/// How one client is served.
struct ClientService: Hashable, Sendable {
  var methods: [AuthenticationMethod]
  var compatibility: Set<CompatibilitySwitch>
}
