/// What a provider's self-test found wrong. Such a provider must not be used.
public struct SelfTestFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The check that did not hold, and with what.
  public let description: String

  init(_ description: String) { self.description = description }
}
