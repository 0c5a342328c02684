internal import NIOCore

/// Follows one direction of a stream from its first octet and tells where it is TLS application data or SSH packets
/// under encryption.
struct EncryptedStreamRecognizer: Hashable, Sendable {
  private enum State: Hashable {
    /// Nothing has come yet.
    case undecided
    case tls(TLSRecordParser)
    case ssh(SSHPacketParser)
    /// Neither, or no longer: for good.
    case other
  }

  private var state: State = .undecided

  /// True when no octet that comes will ever be recognized.
  var hasGivenUp: Bool { self.state == .other }

  /// Takes the next octets; true when every one of them lies inside encryption.
  mutating func consume(_ octets: ByteBufferView) -> Bool {
    guard let first = octets.first else { return false }
    if case .undecided = self.state {
      switch first {
      case TLSRecordParser.firstOctet: self.state = .tls(TLSRecordParser())
      case SSHPacketParser.firstOctet: self.state = .ssh(SSHPacketParser())
      default:  // A protocol that is not known.
        self.state = .other
      }
    }
    switch self.state {
    case .undecided, .other:
      return false
    case .tls(var parser):
      let encrypted = parser.consume(octets)
      self.state = parser.hasFailed ? .other : .tls(parser)
      return encrypted
    case .ssh(var parser):
      let encrypted = parser.consume(octets)
      self.state = parser.hasFailed ? .other : .ssh(parser)
      return encrypted
    }
  }
}
