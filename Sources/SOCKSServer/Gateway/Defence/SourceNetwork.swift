import SOCKSCore

/// One client as far as addresses tell: an IPv4 address, or the leading bits of an IPv6 address, of which a single host may
/// have many.
struct SourceNetwork: Hashable, Sendable, CustomStringConvertible {
  private let network: IPNetwork

  init(of address: IPAddress, ipv6Prefix: Int) {
    let prefix = address.bitWidth == 128 ? ipv6Prefix : address.bitWidth
    self.network = IPNetwork(address, prefixLength: prefix) ?? IPNetwork(address)
  }

  var description: String { self.network.description }
}
