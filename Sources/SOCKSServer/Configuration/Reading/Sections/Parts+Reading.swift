import Platform
import ProxySession
import SOCKSCore
import SOCKSGSSAPI

extension Configuration.Kerberos {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    let example = "keytab: /etc/garter/garterd.keytab"
    let kerberos = reader.mapping(node, path, example: example) { keys -> Self? in
      let keytab = keys.required("keytab", example: "/etc/garter/garterd.keytab") { node, path in
        reader.value(node, path, expected: "a path such as /etc/garter/garterd.keytab", parse: Self.keytab)
      }
      var kerberos = Self(keytab: keytab ?? "")
      keys.optional("services") { node, path in
        reader.list(node, path, example: "[socks, rcmd]", limit: Self.maximumServices) { node, path in
          reader.value(node, path, expected: "a service such as socks", parse: Self.service)
        }
      }.map { kerberos.services = $0 }
      keys.optional("levels") { node, path in
        reader.list(node, path, example: "[confidentiality, integrity]") {
          reader.choice($0, $1, of: LevelWord.self)?.level
        }
      }.map { kerberos.levels = $0 }
      keys.optional("replay_cache") { node, path in
        reader.value(node, path, expected: "a path", parse: absolutePath)
      }.map { kerberos.replayCache = $0 }
      keys.optional("mechanisms") { node, path in
        reader.list(node, path, example: "[krb5]") { reader.choice($0, $1, of: Mechanism.self) }
      }.map { kerberos.mechanisms = $0 }
      keys.optional("expired") { reader.choice($0, $1) }.map { kerberos.expired = $0 }
      keys.optional("clock_skew") { reader.duration($0, $1, within: Self.clockSkews) }.map { kerberos.clockSkew = $0 }
      keys.optional("engine") { reader.choice($0, $1) }.map { kerberos.engine = $0 }
      keys.optional("selective") { Selective($0, $1, reader: reader) }.map { kerberos.selective = $0 }
      return keytab == nil ? nil : kerberos
    }
    guard let kerberos else { return nil }
    self = kerberos
  }

  private static func keytab(_ text: String) throws(ValueError) -> String {
    let type = text.prefix { $0.isASCII && $0.isLetter }
    if !type.isEmpty, text.dropFirst(type.count).hasPrefix(":"), text.utf8.count > type.utf8.count + 1,
      !text.utf8.contains(0)
    {
      return text
    }
    return try absolutePath(text)
  }

  private static func service(_ text: String) throws(ValueError) -> String {
    let isName = text.utf8.allSatisfy { octet in
      switch octet {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard isName, (1...64).contains(text.utf8.count) else {
      throw ValueError("expected a service such as socks, without host and realm, not \(quoted(text))")
    }
    return text
  }
}

/// The levels by the names that RFC 1961 section 4.2 gives them.
private enum LevelWord: String, CaseIterable {
  case confidentiality
  case integrity
  case selective

  var level: ProtectionLevel {
    switch self {
    case .confidentiality: .confidentiality
    case .integrity: .integrity
    case .selective: .selective
    }
  }
}

extension ConfigurationReader {
  func duration(_ node: YAMLNode, _ path: String, within bounds: ClosedRange<Duration>) -> Duration? {
    self.value(node, path, expected: "a duration such as 30s") { text throws(ValueError) in
      let duration = try Duration(parsing: text)
      guard bounds.contains(duration) else {
        throw ValueError("expected \(bounds.lowerBound.text) to \(bounds.upperBound.text), not \(quoted(text))")
      }
      return duration
    }
  }
}

extension Configuration.Kerberos.Selective {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    let seal = reader.mapping(node, path, example: "seal: always") { keys -> SelectiveSealing.Policy? in
      keys.optional("seal") { reader.choice($0, $1) } ?? Self().seal
    }
    guard let seal else { return nil }
    self.init(seal: seal)
  }
}

extension Configuration.Timeouts {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var timeouts = Self()
    _ = reader.mapping(node, path, example: "idle: 2h") { keys -> Bool? in
      for key in Self.keys {
        keys.optional(key.name) { node, path in
          reader.duration(node, path, within: key.bounds)
        }.map { timeouts[keyPath: key.field] = $0 }
      }
      return true
    }
    self = timeouts
  }
}

extension Configuration.Limits {
  init?(_ node: YAMLNode, _ path: String, reader: ConfigurationReader) {
    var limits = Self()
    _ = reader.mapping(node, path, example: "connections: 10000") { keys -> Bool? in
      for key in Self.keys {
        keys.optional(key.name) { node, path in
          reader.value(node, path, expected: "a number") { text throws(ValueError) in try key.parse(text) }
        }.map { limits[keyPath: key.field] = $0 }
      }
      keys.optional("unauthenticated") { node, path in
        reader.value(node, path, expected: "START:RATE:FULL", parse: EarlyDrop.init(parsing:))
      }.map { limits.unauthenticated = $0 }
      keys.optional("bandwidth_per_principal") { node, path in
        reader.value(node, path, expected: "a bandwidth such as 10MiB/s", parse: Bandwidth.init(parsing:))
      }.map { limits.bandwidthPerPrincipal = $0 }
      return true
    }
    self = limits
  }
}

extension Configuration.Limits.Key {
  fileprivate func parse(_ text: String) throws(ValueError) -> Int {
    func shown(_ number: Int) -> String { isSize ? SizeText.text(number) : "\(number)" }
    let number = isSize ? try SizeText(parsing: text).octets : decimal(text)
    guard let number, bounds.contains(number) else {
      throw ValueError(
        "expected \(isSize ? "a size" : "a whole number") from \(shown(bounds.lowerBound)) to \(shown(bounds.upperBound)), "
          + "not \(quoted(text))")
    }
    return number
  }
}

/// A path that means the same wherever the program was started.
func absolutePath(_ text: String) throws(ValueError) -> String {
  guard text.hasPrefix("/"), text.utf8.count <= 4095, !text.utf8.contains(0) else {
    throw ValueError("expected an absolute path, which begins with /, not \(quoted(text))")
  }
  return text
}
