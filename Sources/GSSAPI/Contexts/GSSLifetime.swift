/// How long a credential or context is still good (RFC 2744 section 3.6).
public enum GSSLifetime: Hashable, Sendable {
  /// No longer.
  case expired
  case seconds(UInt32)
  /// Without end, or the mechanism does not say.
  case indefinite

  init(_ seconds: UInt32) {
    switch seconds {
    case 0: self = .expired
    case .max: self = .indefinite
    default: self = .seconds(seconds)
    }
  }
}
