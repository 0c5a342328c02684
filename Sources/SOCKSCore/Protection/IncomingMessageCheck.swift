/// Decides, for one direction of a TCP session, whether the plaintext of a token may be used.
///
/// The library alone is not enough. Duplicate, old, unsequenced and gap are success with plaintext in its eyes; of gaps
/// and swaps it says nothing when the client did not ask for SEQUENCE (curl). So each Kerberos token must also carry
/// exactly the number that follows the one before it, from the first token of the direction on: the level message.
public struct IncomingMessageCheck: Hashable, Sendable {
  /// Set once the level is agreed.
  public private(set) var level: ProtectionLevel?
  private var numbering: Numbering = .notStarted
  private var emptyMessagesInARow = 0

  /// "empty plaintext: no data; more than 1,000 in a row is an attack"
  public static let maximumEmptyMessagesInARow = 1_000

  private enum Numbering: Hashable {
    case notStarted
    case next(UInt64)
    /// The mechanism does not number its tokens: the library's word is all there is.
    case unnumbered
  }

  public init() {}

  /// The number that the next token of the direction has to have; nil before the first one, and where the mechanism
  /// does not number its tokens.
  public var nextNumber: UInt64? {
    guard case .next(let number) = self.numbering else { return nil }
    return number
  }

  /// The check for the messages after this one, at the agreed level.
  public func at(_ level: ProtectionLevel) -> Self {
    var check = self
    check.level = level
    return check
  }

  /// Judges the next token of this direction.
  ///
  /// - Throws: `messageRepeated`, `messageOutOfSequence`, `messageNotConfidential`, `tooManyEmptyMessages`,
  ///   `protectionFailed`. The session is over then: nothing of this message or after it may be used.
  public mutating func verify(_ outcome: UnwrapOutcome) throws(SOCKSError) {
    try Self.verifyStatus(outcome.status)
    try self.verifyNumber(outcome.sequenceNumber)
    // "if protection level 2 is agreed then conf_req_flag MUST always be TRUE" (section 5). At level 1 a sealed message
    // is accepted, it is stronger; at level 3 the sender decides.
    if self.level == .confidentiality, !outcome.isConfidential {
      throw SOCKSError(.notEncrypted, "a message was signed only, at the confidentiality level")
    }
    try self.verifyLength(outcome.plaintextLength)
  }

  private static func verifyStatus(_ status: UnwrapOutcome.Status) throws(SOCKSError) {
    if status.isEmpty { return }
    if status.contains(.duplicate) { throw SOCKSError(.replayDetected, "the library reports a duplicate token") }
    if status.contains(.old) { throw SOCKSError(.replayDetected, "the library reports an old token") }
    if status.contains(.unsequenced) {
      throw SOCKSError(.outOfSequence, "the library reports a token out of sequence")
    }
    if status.contains(.gap) { throw SOCKSError(.outOfSequence, "the library reports a gap before the token") }
    throw SOCKSError(.protectionFailed, "the library reports an unknown status")
  }

  private mutating func verifyNumber(_ number: UInt64?) throws(SOCKSError) {
    switch (self.numbering, number) {
    case (.notStarted, nil):
      self.numbering = .unnumbered
    case (.unnumbered, nil):
      break
    case (.notStarted, .some(let number)):
      self.numbering = .next(try Self.successor(of: number))
    case (.next(let expected), .some(let number)):
      guard number == expected else {
        // Numbers are compared relative to the first one, which is random: the octets would only confuse the log.
        if number < expected { throw SOCKSError(.replayDetected, "a token came late or a second time") }
        throw SOCKSError(.outOfSequence, "\(number - expected) tokens are missing before this one")
      }
      self.numbering = .next(try Self.successor(of: number))
    case (.next, nil), (.unnumbered, .some):
      throw SOCKSError(.protectionFailed, "the tokens' numbering changed in mid-session")
    }
  }

  private static func successor(of number: UInt64) throws(SOCKSError) -> UInt64 {
    let (next, overflow) = number.addingReportingOverflow(1)
    guard !overflow else { throw SOCKSError(.outOfSequence, "the tokens' numbers are used up") }
    return next
  }

  private mutating func verifyLength(_ length: Int) throws(SOCKSError) {
    guard length == 0 else {
      self.emptyMessagesInARow = 0
      return
    }
    self.emptyMessagesInARow += 1
    guard self.emptyMessagesInARow <= Self.maximumEmptyMessagesInARow else {
      throw SOCKSError(.tooManyEmptyMessages, "more than \(Self.maximumEmptyMessagesInARow) empty messages in a row")
    }
  }
}
