/// What was found in a token that has proved authentic.
public struct OpenedToken: Hashable, Sendable {
  /// Where the plaintext lies, in the memory that was given.
  public let plaintext: Range<Int>
  /// Sealed, not only signed.
  public let isSealed: Bool
  /// SND_SEQ.
  public let sequenceNumber: UInt64
}
