/// The reply field (RFC 1928 section 6).
public struct SOCKSReplyCode: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let succeeded = Self(rawValue: 0x00)
  public static let generalFailure = Self(rawValue: 0x01)
  public static let notAllowedByRuleset = Self(rawValue: 0x02)
  public static let networkUnreachable = Self(rawValue: 0x03)
  public static let hostUnreachable = Self(rawValue: 0x04)
  public static let connectionRefused = Self(rawValue: 0x05)
  public static let ttlExpired = Self(rawValue: 0x06)
  public static let commandNotSupported = Self(rawValue: 0x07)
  public static let addressTypeNotSupported = Self(rawValue: 0x08)
}

extension SOCKSReplyCode: CustomStringConvertible {
  /// The words of RFC 1928 section 6.
  public var description: String {
    switch self {
    case .succeeded: "succeeded"
    case .generalFailure: "general SOCKS server failure"
    case .notAllowedByRuleset: "connection not allowed by ruleset"
    case .networkUnreachable: "network unreachable"
    case .hostUnreachable: "host unreachable"
    case .connectionRefused: "connection refused"
    case .ttlExpired: "TTL expired"
    case .commandNotSupported: "command not supported"
    case .addressTypeNotSupported: "address type not supported"
    default:  // Unknown on the wire.
      "unassigned reply code \(self.rawValue)"
    }
  }
}
