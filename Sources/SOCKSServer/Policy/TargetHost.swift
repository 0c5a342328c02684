public import SOCKSCore

/// The host that a client asks for.
public enum TargetHost: Hashable, Sendable, CustomStringConvertible {
  case address(IPAddress)
  /// A name that has to be resolved, without a dot at its end.
  case name(HostName)

  /// The host in a DOMAINNAME (RFC 1928 section 5): a text that is the literal of an address means that address.
  public init(domainName octets: some Sequence<UInt8>) {
    let name = HostName(octets)
    if let address = IPAddress(name.description) { self = .address(address) } else { self = .name(name) }
  }

  public init(domainName text: String) {
    self.init(domainName: text.utf8)
  }

  var isWellFormed: Bool {
    switch self {
    case .address: true
    case .name(let name): name.isWellFormed
    }
  }

  public var description: String {
    switch self {
    case .address(let address): address.description
    case .name(let name): name.description
    }
  }
}

/// A host name as octets, in small letters, without a dot at its end. It need not be well-formed: see ``isWellFormed``.
public struct HostName: Hashable, Sendable, CustomStringConvertible {
  public let octets: [UInt8]

  public init(_ octets: some Sequence<UInt8>) {
    var octets = octets.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
    if octets.last == UInt8(ascii: ".") { octets.removeLast() }
    self.octets = octets
  }

  /// Whether it has 1 to 253 octets, in labels of 1 to 63 letters, digits, hyphens and underscores. Other names are not
  /// resolved: a NUL, say, would make the resolver ask for something else than the rules have seen.
  public var isWellFormed: Bool {
    (1...253).contains(octets.count)
      && octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
        (1...63).contains(label.count) && label.allSatisfy(Self.isLetterDigitOrHyphen)
      }
  }

  private static func isLetterDigitOrHyphen(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// The name as text. Not for a line of log: the octets are the client's.
  public var description: String { String(decoding: octets, as: UTF8.self) }
}
