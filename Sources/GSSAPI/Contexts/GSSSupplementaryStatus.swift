/// What the library adds to a successful unwrap (RFC 2744 section 3.9.1): the message is authentic and its plaintext
/// was returned, but it is not the next one. A relay must treat every bit as the end of the stream.
public struct GSSSupplementaryStatus: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The library asks for another establishment token. Never after an unwrap.
  public static let continueNeeded = GSSSupplementaryStatus(rawValue: 0x01)
  /// This message was unwrapped before.
  public static let duplicate = GSSSupplementaryStatus(rawValue: 0x02)
  /// This message is too old to tell whether it was unwrapped before.
  public static let old = GSSSupplementaryStatus(rawValue: 0x04)
  /// A later message was unwrapped before this one.
  public static let unsequenced = GSSSupplementaryStatus(rawValue: 0x08)
  /// An earlier message has not come.
  public static let gap = GSSSupplementaryStatus(rawValue: 0x10)
}
