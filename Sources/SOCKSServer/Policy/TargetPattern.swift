import SOCKSCore

/// Where a rule leads: `*`, a name, all names below one, an address or a network.
public enum TargetPattern: Hashable, Sendable, CustomStringConvertible {
  /// `*`: every name and every address.
  case any
  /// `example.com`, `*.example.com`: matches the name that was asked for.
  case name(NamePattern)
  /// `192.0.2.1`, `2001:db8::/32`: matches the address that will be dialled, whichever way it was asked for.
  case network(IPNetwork)

  public init(parsing text: String) throws(ValueError) {
    if text == "*" {
      self = .any
    } else if text.contains("/") || text.contains(":") || IPAddress(text) != nil {
      self = .network(try Self.network(parsing: text))
    } else {
      self = .name(try NamePattern(parsing: text))
    }
  }

  public var description: String {
    switch self {
    case .any: "*"
    case .name(let pattern): pattern.description
    case .network(let network): network.description
    }
  }

  private static func network(parsing text: String) throws(ValueError) -> IPNetwork {
    let network = try IPNetwork(parsing: text)
    // An IPv4-mapped address is the IPv4 address, for requests and rules alike.
    guard case .v6(high: 0, let low) = network.address, low >> 32 == 0xFFFF, network.prefixLength >= 96 else {
      return network
    }
    return IPNetwork(network.address.unmapped, prefixLength: network.prefixLength - 96) ?? network
  }
}

/// A host name, or all names below one at any depth. Capitals and a dot at the end do not count.
public struct NamePattern: Hashable, Sendable, CustomStringConvertible {
  /// Without `*.`.
  let name: HostName
  let coversSubdomains: Bool

  public init(parsing text: String) throws(ValueError) {
    coversSubdomains = text.utf8.starts(with: "*.".utf8)
    name = HostName(text.utf8.dropFirst(coversSubdomains ? 2 : 0))
    try Self.check(name, text: text)
  }

  public func matches(_ other: HostName) -> Bool {
    guard coversSubdomains else { return other == name }
    // Not the name itself, and something in front of the dot.
    return other.octets.count > name.octets.count + 1 && other.octets.suffix(name.octets.count) == name.octets[...]
      && other.octets[other.octets.count - name.octets.count - 1] == UInt8(ascii: ".")
  }

  /// Whether every name of another pattern matches this one.
  func covers(_ other: NamePattern) -> Bool {
    self == other || (coversSubdomains && (matches(other.name) || (other.coversSubdomains && other.name == name)))
  }

  public var description: String { (coversSubdomains ? "*." : "") + name.description }

  private static func check(_ name: HostName, text: String) throws(ValueError) {
    guard name.octets.allSatisfy({ $0 < 0x80 }) else {
      throw ValueError("names are written in ASCII here; give the xn-- form of \(quoted(text))")
    }
    guard name.isWellFormed else {
      throw ValueError(
        "expected *, a name such as example.com or *.example.com, an address or a network, not \(quoted(text))")
    }
    guard let last = name.octets.split(separator: UInt8(ascii: ".")).last, !isNumber(last) else {
      throw ValueError(
        "\(quoted(text)) is neither a name nor a whole IPv4 address; write four numbers, such as 192.0.2.1")
    }
  }

  /// Whether a resolver may take a name that ends so for an IPv4 address: decimal or hexadecimal.
  private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
    let isHexadecimal = label.starts(with: "0x".utf8)
    return label.dropFirst(isHexadecimal ? 2 : 0).allSatisfy {
      (0x30...0x39).contains($0) || (isHexadecimal && (0x61...0x66).contains($0))
    }
  }
}
