import Platform
import SOCKSCore

/// What may be a mistake in where the gateway listens.
enum ListenerWarnings {
  /// Listeners on every IPv6 address whose operator may expect IPv4 clients there, each with its place.
  static func all(
    _ listeners: [(listener: Configuration.Listener, place: YAMLPlace)]
  ) -> [(message: String, place: YAMLPlace)] {
    let addresses = listeners.map(\.listener.address)
    return listeners.compactMap { listener, place in
      let address = listener.address
      guard address.address == .v6(high: 0, low: 0) else { return nil }
      // With a listener on one IPv4 address, that is what the operator wants.
      guard !addresses.contains(where: { $0.address.bitWidth == 32 && $0.port == address.port }) else { return nil }
      let everyIPv4 = ListenAddress(address: .v4(0), port: address.port)
      return ("\(address) accepts IPv6 clients only; for IPv4 clients add a listener on \(everyIPv4)", place)
    }
  }
}
