public import SOCKSCore

/// Where a rule leads: `*`, a name, all names below one, an address or a network.
public enum TargetPattern: Hashable, Sendable, CustomStringConvertible {
  /// `*`: every name and every address.
  case any
  /// `example.com`, `*.example.com`: matches the name that was asked for.
  case name(NamePattern)
  /// `192.0.2.1`, `2001:db8::/32`: matches the address that will be connected to, whichever way it was asked for.
  case network(IPNetwork)

  public init(parsing text: String) throws(ValueError) {
    // As the host that a client asks for: converted, and then recognized.
    let text = Self.withoutBrackets(try ASCIIName.converted(text))
    if text == "*" {
      self = .any
    } else if text.contains("/") || text.contains(":") || IPAddress(text) != nil {
      self = .network(try IPNetwork(parsing: text))
    } else {
      self = .name(try NamePattern(parsing: text))
    }
  }

  /// `[::1]` is written `::1`, as in requests.
  private static func withoutBrackets(_ text: String) -> String {
    guard text.hasPrefix("["), text.hasSuffix("]") else { return text }
    let inner = text.dropFirst().dropLast()
    return IPAddress(inner) == nil ? text : String(inner)
  }

  public var description: String {
    switch self {
    case .any: "*"
    case .name(let pattern): pattern.description
    case .network(let network): network.description
    }
  }
}

/// A host name, or all names below one at any depth. Capitals and a dot at the end do not count.
public struct NamePattern: Hashable, Sendable, CustomStringConvertible {
  /// Without `*.`.
  let name: HostName
  let coversSubdomains: Bool

  /// A name that is not ASCII is converted, as those that clients ask for are.
  public init(parsing text: String) throws(ValueError) {
    let ascii = try ASCIIName.converted(text)
    coversSubdomains = ascii.utf8.starts(with: "*.".utf8)
    do throws(MalformedName) {
      // In one spelling, so that equal patterns are equal.
      name = try HostName(HostName(ascii.utf8.dropFirst(coversSubdomains ? 2 : 0)).bytes)
    } catch {
      throw ValueError(
        "expected *, a name such as example.com or *.example.com, an address or a network, not \(quoted(text)): \(error)"
      )
    }
    try ASCIIName.checkNoNumber(name, text: text)
  }

  public func matches(_ other: HostName) -> Bool {
    guard coversSubdomains else { return other.bytes == name.bytes }
    // Not the name itself, and something in front of the dot.
    return other.bytes.count > name.bytes.count + 1 && other.bytes.suffix(name.bytes.count) == name.bytes[...]
      && other.bytes[other.bytes.count - name.bytes.count - 1] == UInt8(ascii: ".")
  }

  /// Whether every name of another pattern matches this one.
  func covers(_ other: NamePattern) -> Bool {
    (name.bytes == other.name.bytes && coversSubdomains == other.coversSubdomains)
      || (coversSubdomains && matches(other.name))
  }

  public var description: String { (coversSubdomains ? "*." : "") + name.canonical }
}
