/// What is asked of the numbers of messages that come. A number is looked at only when its token has proved authentic.
public enum ReceiveOrder: Hashable, Sendable {
  /// Exactly this number, then each time the next one: a stream. A token that is missing, repeated or swapped is refused,
  /// and so is everything behind it.
  case next(UInt64)
  /// The number after the last one; there is none any more.
  case usedUp
  /// Nothing: the caller looks at ``OpenedToken/sequenceNumber``, with a window for datagrams.
  case judgedByCaller

  /// Takes note of the next authentic token.
  mutating func accept(_ number: UInt64) throws(TokenRefusal) {
    switch self {
    case .judgedByCaller: return
    case .usedUp: throw .outOfOrder
    case .next(let expected):
      guard number == expected else { throw .outOfOrder }
      let (following, overflow) = number.addingReportingOverflow(1)
      self = overflow ? .usedUp : .next(following)
    }
  }
}
