import Platform
import SOCKSCore

extension Configuration.Bind {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var bind = Self()
    _ = reader.mapping(node, path, example: "ports: 40000-40999") { keys -> Bool? in
      let address = { (node: YAMLNode, path: String) in
        reader.value(node, path, expected: "an address such as 192.0.2.1", parse: Self.address)
      }
      keys.optional("listen_address", address).map { bind.listenAddress = $0 }
      keys.optional("advertise_address", address).map { bind.advertiseAddress = $0 }
      keys.optional("ports") { node, path in
        reader.value(node, path, expected: "ports such as 40000-40999", parse: PortRange.init(parsing:))
      }.map { bind.ports = $0 }
      keys.optional("timeout") { reader.duration($0, $1, within: Self.timeouts) }.map { bind.timeout = $0 }
      return true
    }
    self = bind
  }

  private static func address(_ text: String) throws(ValueError) -> IPAddress {
    guard let address = IPAddress(text) else {
      throw ValueError("expected an address such as 192.0.2.1 or 2001:db8::1, not \(quoted(text))")
    }
    guard !address.isUnspecified else {
      throw ValueError("\(text) is no address that a peer could connect to; write one of this machine or network")
    }
    return address
  }
}
