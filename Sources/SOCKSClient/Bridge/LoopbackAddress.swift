import SOCKSCore

extension SOCKSHost {
  /// The loopback address that this host names, or nil: 127.0.0.0/8, `::1`, and the name `localhost`, which is taken for
  /// 127.0.0.1 without asking anybody (RFC 6761 section 6.3).
  var loopbackAddress: IPAddress? {
    switch self {
    case .address(let address):
      switch address {
      case .v4(let value): value >> 24 == 127 ? address : nil
      case .v6(let high, let low): high == 0 && low == 1 ? address : nil
      }
    case .name(let name):
      name.text.lowercased() == "localhost" ? .v4(0x7F00_0001) : nil
    }
  }
}
