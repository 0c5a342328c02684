/// An authentication method (RFC 1928 section 3).
public struct SOCKSMethod: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// X'00' NO AUTHENTICATION REQUIRED
  public static let noAuthentication = Self(rawValue: 0x00)
  /// X'01' GSSAPI, RFC 1961
  public static let gssapi = Self(rawValue: 0x01)
  /// X'02' USERNAME/PASSWORD, RFC 1929
  public static let usernamePassword = Self(rawValue: 0x02)
  /// X'FF' NO ACCEPTABLE METHODS; only in a selection.
  public static let noneAcceptable = Self(rawValue: 0xff)
}

extension SOCKSMethod: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noAuthentication: "none"
    case .gssapi: "gssapi"
    case .usernamePassword: "password"
    case .noneAcceptable: "none-acceptable"
    default:  // Unknown on the wire.
      "method-\(self.rawValue)"
    }
  }
}
