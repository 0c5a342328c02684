import Platform
import SOCKSCore

extension Configuration.Listener {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    let listener = reader.mapping(node, path, example: "address: 127.0.0.1:1080") { keys -> Self? in
      let address = keys.required("address", example: "127.0.0.1:1080") { node, path in
        reader.value(
          node, path, expected: "an address and a port such as 127.0.0.1:1080", parse: ListenAddress.init(parsing:))
      }
      // What follows is read in any case, so that all mistakes show at once.
      let methods = keys.optional("methods") { reader.methods($0, $1) }
      let clients = keys.optional("clients") { node, path in
        reader.items(node, path, example: "[{from: [192.0.2.0/24], methods: [gssapi]}]", limit: Self.maximumClients)?
          .enumerated().compactMap { Clients($1, "\(path)[\($0)]", reader: reader) }
      }
      return address.map { Self($0, methods: methods ?? [.gssapi], clients: clients ?? []) }
    }
    guard let listener else { return nil }
    self = listener
  }
}

extension Configuration.Listener.Clients {
  fileprivate init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    let clients = reader.mapping(node, path, example: "from: [192.0.2.0/24]") { keys -> Self? in
      let networks = keys.required("from", example: "[192.0.2.0/24]") { node, path in
        reader.list(node, path, example: "[192.0.2.0/24]") { node, path in
          reader.value(node, path, expected: "a network", parse: IPNetwork.init(parsing:))
        }
      }
      let methods = keys.optional("methods") { reader.methods($0, $1) }
      let compatibility = keys.optional("compatibility") { node, path in
        reader.list(node, path, example: "[unprotected]") { reader.choice($0, $1, of: CompatibilitySwitch.self) }
      }
      return networks.map { Self(from: $0, methods: methods, compatibility: compatibility ?? []) }
    }
    guard let clients else { return nil }
    self = clients
  }
}

extension ConfigurationReader {
  fileprivate func methods(_ node: YAMLNode, _ path: String) -> [AuthenticationMethod]? {
    self.list(node, path, example: "[gssapi]") { self.choice($0, $1, of: AuthenticationMethod.self) }
  }
}

extension Configuration.Passwords {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    let passwords = reader.mapping(node, path, example: "file: /etc/garter/passwords") { keys -> Self? in
      let file = keys.required("file", example: "/etc/garter/passwords") { node, path in
        reader.value(node, path, expected: "a path such as /etc/garter/passwords", parse: absolutePath)
      }
      var passwords = Self(file: file ?? "")
      for key in Self.keys {
        keys.optional(key.name) { reader.count($0, $1, within: key.bounds) }.map { passwords[keyPath: key.field] = $0 }
      }
      return file.map { _ in passwords }
    }
    guard let passwords else { return nil }
    self = passwords
  }
}
