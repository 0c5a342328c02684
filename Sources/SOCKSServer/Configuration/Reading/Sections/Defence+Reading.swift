import Platform

extension Configuration.Penalties {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var penalties = Self()
    _ = reader.mapping(node, path, example: "maximum: 10m") { keys -> Bool? in
      for key in Self.keys {
        keys.optional(key.name) { node, path in
          reader.duration(node, path, within: key.bounds)
        }.map { penalties[keyPath: key.field] = $0 }
      }
      keys.optional("addresses") { node, path in
        reader.count(node, path, within: Self.addressCounts)
      }.map { penalties.addresses = $0 }
      keys.optional("slow_connections") { node, path in
        reader.count(node, path, within: Self.slowCounts)
      }.map { penalties.slowConnections = $0 }
      keys.optional("slow_rate") { node, path in
        reader.count(node, path, within: Self.slowCounts)
      }.map { penalties.slowRate = $0 }
      keys.optional("exempt") { node, path in
        reader.list(node, path, example: "[192.0.2.0/24]", mayBeEmpty: true) { node, path in
          reader.value(node, path, expected: "a network", parse: IPNetwork.init(parsing:))
        }
      }.map { penalties.exempt = $0 }
      if penalties.minimum > penalties.maximum {
        reader.report("\(path): minimum is longer than maximum, so nobody would ever be blocked", at: keys.place)
      }
      return true
    }
    self = penalties
  }
}

extension Configuration.Keepalive {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var keepalive = Self()
    _ = reader.mapping(node, path, example: "idle: 60s") { keys -> Bool? in
      keys.optional("idle") { Self.seconds($0, $1, reader: reader) }.map { keepalive.idle = $0 }
      keys.optional("interval") { Self.seconds($0, $1, reader: reader) }.map { keepalive.interval = $0 }
      keys.optional("probes") { reader.count($0, $1, within: Self.probeCounts) }.map { keepalive.probes = $0 }
      return true
    }
    self = keepalive
  }

  private static func seconds(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) -> Duration? {
    guard let duration = reader.duration(node, path, within: Self.times) else { return nil }
    guard duration.components.attoseconds == 0 else {
      reader.report("\(path): expected whole seconds", at: node.place)
      return nil
    }
    return duration
  }
}
