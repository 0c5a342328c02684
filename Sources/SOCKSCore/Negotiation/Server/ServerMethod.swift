/// A method that a server offers, with what it needs to carry it out (RFC 1928 section 3).
public enum ServerMethod: Hashable, Sendable {
  /// RFC 1961.
  case gssapi(GSSAcceptorSubnegotiation.Configuration)
  /// RFC 1929.
  case usernamePassword
  case noAuthentication

  /// Its number on the wire.
  public var method: SOCKSMethod {
    switch self {
    case .gssapi: .gssapi
    case .usernamePassword: .usernamePassword
    case .noAuthentication: .noAuthentication
    }
  }
}
