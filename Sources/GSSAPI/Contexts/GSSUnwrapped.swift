/// What came out of a token, besides its plaintext.
public struct GSSUnwrapped: Hashable, Sendable {
  /// Octets of plaintext.
  public let plaintextLength: Int

  /// Whether the message was sealed (`conf_state`); else it was signed only.
  public let confidential: Bool

  /// Whether this was the next message. Empty means exactly `GSS_S_COMPLETE`: only that is a success on a stream.
  public let status: GSSSupplementaryStatus

  /// The message's number from its authenticated header (RFC 4121), where the mechanism is Kerberos.
  public let sequenceNumber: UInt64?
}
