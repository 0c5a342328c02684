public import SOCKSCore

/// One client as far as addresses tell: an IPv4 address, or the leading bits of an IPv6 address, of which a single host may
/// have many.
public struct SourceNetwork: Hashable, Sendable, CustomStringConvertible {
  private let address: IPAddress
  private let prefixLength: Int

  /// - Parameter ipv6Prefix: leading bits of an IPv6 address, 1 to 128.
  public init(of address: IPAddress, ipv6Prefix: Int) {
    switch address {
    case .v4:
      (self.address, self.prefixLength) = (address, 32)
    case .v6(let halves):
      let prefix = UInt64(min(max(1, ipv6Prefix), 128))
      // A shift by the whole width gives zero in Swift.
      let masks: (high: UInt64, low: UInt64) =
        prefix <= 64 ? (.max << (64 - prefix), 0) : (.max, .max << (128 - prefix))
      self.address = .v6(high: halves.high & masks.high, low: halves.low & masks.low)
      self.prefixLength = Int(prefix)
    }
  }

  public var description: String { "\(self.address)/\(self.prefixLength)" }
}
