/// The command of a request (RFC 1928 section 4).
public struct SOCKSCommand: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let connect = Self(rawValue: 0x01)
  public static let bind = Self(rawValue: 0x02)
  public static let udpAssociate = Self(rawValue: 0x03)
}

extension SOCKSCommand: CustomStringConvertible {
  public var description: String {
    switch self {
    case .connect: "connect"
    case .bind: "bind"
    case .udpAssociate: "udp-associate"
    default:  // Unknown on the wire.
      "command-\(self.rawValue)"
    }
  }
}
