import NIOCore

/// The way out after an answer that ends the connection: the sending side is ended at once (clients in the field wait for
/// more octets until the stream ends), and what still comes is discarded for a while (unread input would turn the close
/// into a reset, which eats the answer).
struct LingeringClose {
  static let maximumDiscarded = 64 * 1_024
  static let timeout: TimeAmount = .seconds(2)

  private var discarded = 0

  /// Counts what came; true when it is enough, and the connection should be closed.
  mutating func discard(_ count: Int) -> Bool {
    self.discarded += min(count, Self.maximumDiscarded + 1)
    return self.discarded > Self.maximumDiscarded
  }
}
