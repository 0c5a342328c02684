import Platform
import SOCKSCore

extension Configuration.UDP {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var udp = Self()
    _ = reader.mapping(node, path, example: "ports: 40000-40999") { keys -> Bool? in
      keys.optional("ports") { node, path in
        reader.value(node, path, expected: "ports such as 40000-40999", parse: PortRange.init(parsing:))
      }.map { udp.ports = $0 }
      keys.optional("advertise_address") { node, path in
        reader.value(node, path, expected: "an IP address such as 203.0.113.7", parse: Self.advertised)
      }.map { udp.advertiseAddress = $0 }
      keys.optional("replies") { reader.choice($0, $1) }.map { udp.replies = $0 }
      keys.optional("fragments") { reader.choice($0, $1) }.map { udp.fragments = $0 }
      keys.optional("idle") { reader.duration($0, $1, within: Self.idles) }.map { udp.idle = $0 }
      keys.optional("name_lifetime") { reader.duration($0, $1, within: Self.nameLifetimes) }
        .map { udp.nameLifetime = $0 }
      keys.optional("targets") { reader.count($0, $1, within: Self.targetCounts) }.map { udp.targets = $0 }
      keys.optional("waiting") { reader.count($0, $1, within: Self.waitingCounts) }.map { udp.waiting = $0 }
      return true
    }
    self = udp
  }

  /// An address that somebody can send to.
  private static func advertised(_ text: String) throws(ValueError) -> IPAddress {
    let expectation = "expected an IP address that clients can reach, such as 203.0.113.7"
    guard let address = IPAddress(text) else {
      throw ValueError("\(expectation), not \(quoted(text)); names are not resolved here")
    }
    let useless = SpecialAddress.ranges(of: address).contains { [.multicast, .broadcast].contains($0.kind) }
    guard !useless, !address.isUnspecified else {
      throw ValueError("\(expectation), not \(address)")
    }
    return address
  }
}
