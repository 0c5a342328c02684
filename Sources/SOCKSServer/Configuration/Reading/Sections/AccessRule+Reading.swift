import Platform

extension AccessRule {
  static let maximumNameLength = 100

  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    let example = "allow: [connect]"
    let rule = reader.mapping(node, path, example: example) { keys -> AccessRule? in
      let verdict = Self.verdict(keys, reader: reader)
      // What follows is read in any case, so that all mistakes show at once.
      let isDenial = verdict?.effect == .deny
      let identities = Self.list(keys, "principals", example: "[\"*@EXAMPLE.COM\"]", mayBeAbsent: isDenial) {
        node, path in
        reader.value(node, path, expected: "a principal", parse: IdentityPattern.init(parsing:))
      }
      let targets = Self.list(keys, "to", example: "[\"*\"]", mayBeAbsent: isDenial) { node, path in
        reader.value(node, path, expected: "a target", parse: TargetPattern.init(parsing:))
      }
      let ports = Self.list(keys, "ports", example: "[22, 8000-8100]", mayBeAbsent: true) { node, path in
        reader.value(node, path, expected: "a port", parse: PortRange.init(parsing:))
      }
      let clients = Self.list(keys, "from", example: "[192.0.2.0/24]", mayBeAbsent: true) { node, path in
        reader.value(node, path, expected: "a network", parse: IPNetwork.init(parsing:))
      }
      let sessions = Self.sessionLimits(keys, isDenial: isDenial, reader: reader)
      let name = keys.optional("name") { node, path in
        reader.value(node, path, expected: "a text", parse: Self.name)
      }
      guard let verdict else { return nil }
      return AccessRule(
        effect: verdict.effect, commands: verdict.commands, identities: identities, targets: targets, ports: ports,
        clients: clients, name: name, bandwidth: sessions.bandwidth, session: sessions.length)
    }
    guard let rule else { return nil }
    self = rule
  }

  private static func verdict(
    _ keys: MappingReader, reader: ConfigurationReader
  ) -> (effect: Effect, commands: Set<AccessCommand>)? {
    let verdicts = Effect.allCases.compactMap { effect in keys.entry(effect.rawValue).map { (effect, $0) } }
    guard let (effect, entry) = verdicts.first, verdicts.count == 1 else {
      if let second = verdicts.last {
        reader.report("a rule either allows or denies; make two rules of this one", at: second.1.keyPlace)
      } else {
        reader.report("the rule says neither allow nor deny; write for example allow: [connect]", at: keys.place)
      }
      return nil
    }
    let commands = reader.list(entry.value, keys.pathOf(effect.rawValue), example: "[connect]") {
      reader.choice($0, $1, of: AccessCommand.self)
    }
    // Without commands the rule is refused in any case; its effect still says which keys it may leave out.
    return (effect, Set(commands ?? []))
  }

  private static func sessionLimits(
    _ keys: MappingReader, isDenial: Bool, reader: ConfigurationReader
  ) -> (bandwidth: Bandwidth?, length: Duration?) {
    for key in ["bandwidth", "session"] where isDenial {
      guard let entry = keys.entry(key) else { continue }
      reader.report("\(keys.pathOf(key)): a rule that denies leads to no session; leave it out", at: entry.keyPlace)
    }
    let bandwidth = keys.optional("bandwidth") { node, path in
      reader.value(node, path, expected: "a bandwidth such as 10MiB/s", parse: Bandwidth.init(parsing:))
    }
    let length = keys.optional("session") { node, path in
      reader.duration(node, path, within: Configuration.Timeouts.sessions)
    }
    return (bandwidth, length)
  }

  private static func list<Element: Hashable>(
    _ keys: MappingReader, _ key: String, example: String, mayBeAbsent: Bool,
    element: (YAMLNode, String) -> Element?
  ) -> [Element]? {
    func read(_ node: YAMLNode, _ path: String) -> [Element]? {
      keys.reader.list(node, path, example: example, element: element)
    }
    return mayBeAbsent ? keys.optional(key, read) : keys.required(key, example: example, read)
  }

  private static func name(_ text: String) throws(ValueError) -> String {
    guard (1...maximumNameLength).contains(text.unicodeScalars.count),
      text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
    else {
      throw ValueError("expected a text of 1 to \(maximumNameLength) characters on one line, not \(quoted(text))")
    }
    return text
  }
}
