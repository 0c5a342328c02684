public import NIOCore

/// Level 3's "local configuration" (RFC 1961 section 5): which messages of one direction are sealed, and which signed.
///
/// Requests, replies and everything that is not known to be encrypted are sealed. Stream data may be signed only where
/// it provably lies inside TLS or SSH encryption already; sealing it again would cost time and hide nothing more.
public struct SelectiveSealing: Hashable, Sendable {
  public enum Policy: String, Hashable, Sendable, CaseIterable {
    /// Sealed unless inside TLS or SSH encryption.
    case unlessEncrypted = "unless-encrypted"
    case always
  }

  private enum State: Hashable {
    /// Messages of the negotiation, and every message where nothing else is proved.
    case sealing
    case recognizing(EncryptedStreamRecognizer)
  }

  private let policy: Policy
  private var state: State = .sealing

  public init(policy: Policy) { self.policy = policy }

  /// Requests and replies are done: the next octet is the first one of the stream.
  public mutating func streamBegan() {
    guard self.policy == .unlessEncrypted else { return }
    self.state = .recognizing(EncryptedStreamRecognizer())
  }

  /// True when these octets, the next ones of the direction, have to be sealed. All of them are in one message or in
  /// messages of the same kind.
  public mutating func mustSeal(_ plaintext: ByteBufferView) -> Bool {
    switch self.state {
    case .sealing:
      return true
    case .recognizing(var recognizer):
      let encrypted = recognizer.consume(plaintext)
      self.state = recognizer.hasGivenUp ? .sealing : .recognizing(recognizer)
      return !encrypted
    }
  }
}
