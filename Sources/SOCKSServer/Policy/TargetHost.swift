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

  public var description: String {
    switch self {
    case .address(let address): address.description
    case .name(let name): name.description
    }
  }
}

/// A host name as octets, in small letters, without a dot at its end. It need not be well-formed.
public struct HostName: Hashable, Sendable, CustomStringConvertible {
  public let octets: [UInt8]

  public init(_ octets: some Sequence<UInt8>) {
    var octets = octets.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
    if octets.last == UInt8(ascii: ".") { octets.removeLast() }
    self.octets = octets
  }

  /// The name as text. Not for a line of log: the octets are the client's.
  public var description: String { String(decoding: octets, as: UTF8.self) }
}
