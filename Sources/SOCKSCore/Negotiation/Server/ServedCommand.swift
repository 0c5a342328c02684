/// A command that a server can carry out (RFC 1928 section 4). ``SOCKSCommand`` is what a client may send.
public enum ServedCommand: String, Hashable, Sendable, CaseIterable {
  case connect
  case bind
  case associate

  /// Nil for a command that RFC 1928 does not have.
  public init?(_ command: SOCKSCommand) {
    switch command {
    case .connect: self = .connect
    case .bind: self = .bind
    case .udpAssociate: self = .associate
    default:  // Unknown on the wire.
      return nil
    }
  }
}
