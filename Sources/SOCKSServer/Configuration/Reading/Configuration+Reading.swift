import Platform
import SOCKSCore
import ProxySession

extension Configuration {
  /// What a text says, and what may be a mistake in it.
  public struct Reading: Hashable, Sendable {
    public let configuration: Configuration
    /// For example rules that never decide.
    public let warnings: [ConfigurationProblem]
  }

  /// Reads a file.
  ///
  /// - Throws: Everything that is wrong with it, at once.
  public static func load(path: String) throws(ConfigurationError) -> Reading {
    let octets: [UInt8]
    do {
      octets = try FileContents.read(path: path, limit: maximumOctets)
    } catch {
      let message = "cannot be read: \(error.reason) (\(error.advice))"
      throw ConfigurationError(problems: [
        ConfigurationProblem(sourceName: path, line: nil, column: nil, message: message, sourceLine: nil)
      ])
    }
    return try parse(octets: octets, sourceName: path)
  }

  /// Reads a text. Any octets may come.
  ///
  /// - Throws: Everything that is wrong with it, at once; but of text that is no YAML only the first place.
  public static func parse(octets: [UInt8], sourceName: String) throws(ConfigurationError) -> Reading {
    let reader = ConfigurationReader(source: YAMLSource(name: sourceName, octets: octets))
    do {
      let document = try YAMLDocument.parse(reader.source)
      let root = document.root ?? YAMLNode(place: YAMLPlace(line: 1, column: 1), content: .mapping([]))
      if let reading = read(root, reader: reader), reader.problems.isEmpty { return reading }
    } catch {
      reader.report(error.message + hint(for: error, reader: reader), at: error.place)
    }
    throw ConfigurationError(
      problems: reader.problems.sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) })
  }

  /// What text that is no YAML was probably meant to be.
  private static func hint(for error: YAMLError, reader: ConfigurationReader) -> String {
    // libyaml's words for \@, and for \u and \x without their digits.
    if error.message.contains("unknown escape character") || error.message.contains("hexdecimal") {
      return "; between double quotes a backslash begins an escape of YAML's: write texts with backslashes, such as "
        + "principals, between single quotes, as in 'alice\\@corp.example@EXAMPLE.COM'"
    }
    let mentionsBrackets = reader.line(error.line)?.contains("]:") ?? false
    return mentionsBrackets ? "; an address in brackets needs quotes, as in \"[::1]:1080\"" : ""
  }

  private static func read(_ root: YAMLNode, reader: ConfigurationReader) -> Reading? {
    reader.mapping(root, "", example: "listen, kerberos and rules") { keys in
      let listen = keys.required("listen", example: "[{address: \"127.0.0.1:1080\"}]") { node, path in
        readListen(node, path, reader: reader)
      }
      let kerberos = keys.required("kerberos", example: "{keytab: /etc/garter/garterd.keytab}") { node, path in
        Kerberos(node, path, reader: reader)
      }
      let timeouts = keys.optional("timeouts") { node, path in Timeouts(node, path, reader: reader) }
      let limits = keys.optional("limits") { node, path in Limits(node, path, reader: reader) }
      let names = keys.optional("names") { node, path in Names(node, path, reader: reader) }
      let udp = keys.optional("udp") { node, path in UDP(node, path, reader: reader) }
      let bind = keys.optional("bind") { node, path in Bind(node, path, reader: reader) }
      let penalties = keys.optional("penalties") { node, path in Penalties(node, path, reader: reader) }
      let keepalive = keys.optional("keepalive") { node, path in Keepalive(node, path, reader: reader) }
      let log = keys.optional("log") { node, path in Log(node, path, reader: reader) }
      let rules = keys.required("rules", example: "[{allow: [connect], principals: [\"*@EXAMPLE.COM\"], to: [\"*\"]}]")
      { node, path in
        readRules(node, path, reader: reader)
      }
      let passwords = keys.optional("passwords") { node, path in Passwords(node, path, reader: reader) }
      if !keys.has("passwords"), let first = listen?.first(where: \.listener.takesPasswords) {
        reader.report(
          "\(first.listener.address) takes passwords: write where they are, for example "
            + "passwords: {file: /etc/garter/passwords}", at: first.place)
      }
      guard let listen, let kerberos, let rules else { return nil }
      var configuration = Configuration(
        listen: listen.map(\.listener), kerberos: kerberos, passwords: passwords, timeouts: timeouts ?? Timeouts(),
        limits: limits ?? Limits(), penalties: penalties ?? Penalties(), keepalive: keepalive ?? Keepalive(),
        udp: udp ?? UDP(), bind: bind ?? Bind(), log: log ?? Log(), rules: rules.map(\.rule))
      configuration.names = names ?? Names()
      let listenerDoubts =
        ListenerWarnings.all(listen) + AuthenticationWarnings(listeners: listen, rules: configuration.rules).all
      let doubts = listenerDoubts.map { reader.problem($0.message, at: $0.place) }
      let doubtfulLimits = limits.flatMap { limits in
        keys.entry("limits").map { doubtful(limits, at: $0.value.place, reader: reader) }
      }
      return Reading(
        configuration: configuration, warnings: doubts + (doubtfulLimits ?? []) + shadowed(rules, reader: reader))
    }
  }

  private static func readListen(
    _ node: YAMLNode, _ path: String, reader: ConfigurationReader
  ) -> [(listener: Listener, place: YAMLPlace)]? {
    let example = "[{address: 127.0.0.1:1080}]"
    guard let items = reader.items(node, path, example: example, limit: maximumListeners) else { return nil }
    var known: [(address: ListenAddress, place: YAMLPlace)] = []
    return items.enumerated().compactMap { index, item -> (Listener, YAMLPlace)? in
      let path = "\(path)[\(index)]"
      guard let listener = Listener(item, path, reader: reader) else { return nil }
      let address = listener.address
      let place = item.place(ofKey: "address")
      if let problem = Self.conflict(of: address, with: known) {
        reader.report("\(path).address: \(problem)", at: place)
      }
      known.append((address, place))
      return (listener, item.place)
    }
  }

  /// Why the system would not let both be listened on.
  private static func conflict(
    of address: ListenAddress, with known: [(address: ListenAddress, place: YAMLPlace)]
  ) -> String? {
    guard address.port != 0 else { return nil }
    for (other, place) in known where other.port == address.port {
      if other == address { return "\(address) appears twice; the first is on line \(place.line)" }
      guard other.address.bitWidth == address.address.bitWidth else { continue }
      // A listener on every address of a family leaves no port for another of that family.
      if other.address.isUnspecified { return "\(address) is covered by \(other) on line \(place.line): remove it" }
      if address.address.isUnspecified { return "\(address) covers \(other) on line \(place.line): remove that one" }
    }
    return nil
  }

  private static func readRules(
    _ node: YAMLNode, _ path: String, reader: ConfigurationReader
  ) -> [(rule: AccessRule, place: YAMLPlace)]? {
    guard let items = reader.items(node, path, example: "- allow: [connect]", limit: AccessPolicy.maximumRules) else {
      return nil
    }
    return items.enumerated().compactMap { index, item in
      AccessRule(item, "\(path)[\(index)]", reader: reader).map { ($0, item.place) }
    }
  }

  /// Limits that cannot do what they are for.
  private static func doubtful(
    _ limits: Limits, at place: YAMLPlace, reader: ConfigurationReader
  ) -> [ConfigurationProblem] {
    var doubts: [String] = []
    if let drop = limits.unauthenticated, drop.full > limits.connections {
      doubts.append(
        "limits.unauthenticated: \(drop) ends above limits.connections, \(limits.connections): clients wait before any "
          + "is sure to be dropped")
    }
    if limits.unauthenticatedPerAddress >= limits.authenticationSteps {
      doubts.append(
        "limits.unauthenticated_per_address, \(limits.unauthenticatedPerAddress), lets one address take all of "
          + "limits.authentication_steps, \(limits.authenticationSteps)")
    }
    return doubts.map { reader.problem($0, at: place) }
  }

  private static func shadowed(
    _ rules: [(rule: AccessRule, place: YAMLPlace)], reader: ConfigurationReader
  ) -> [ConfigurationProblem] {
    AccessPolicy(rules: rules.map(\.rule)).shadowedRules.map { shadowed in
      let first = rules[shadowed.shadowedBy].place.line
      return reader.problem(
        "rule \(shadowed.index + 1) never decides: rule \(shadowed.shadowedBy + 1) on line \(first) covers all of it",
        at: rules[shadowed.index].place)
    }
  }
}
