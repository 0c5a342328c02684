/// The host part of an address field (RFC 1928 section 5): an IP address, or a name that the server resolves.
public enum SOCKSHost: Hashable, Sendable {
  case address(IPAddress)
  case name(DomainName)

  /// A host as people type it: an IP literal, or else a name.
  ///
  /// - Throws: `valueOutOfRange` for a text that is neither.
  public init(_ text: String) throws(SOCKSError) {
    if let address = IPAddress(text) {
      self = .address(address)
    } else {
      self = .name(try DomainName(text))
    }
  }

  /// The same host with an IP literal in a name field turned into that address: some clients send literals as names.
  public var normalized: SOCKSHost {
    guard case .name(let name) = self, let address = IPAddress(name.text) else { return self }
    return .address(address)
  }
}

extension SOCKSHost: CustomStringConvertible {
  public var description: String {
    switch self {
    case .address(let address): address.description
    case .name(let name): name.text
    }
  }
}
