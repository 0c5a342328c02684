/// Why a datagram was not passed on. Its sender gets no answer: "it will drop datagrams it cannot or will not
/// relay" (RFC 1928 section 7).
public enum DatagramDrop: Int, Error, Hashable, Sendable, CaseIterable {
  /// It did not come from the address and port that the association is locked to.
  case foreignSource
  /// It was unprotected where a token is due.
  case unprotected
  /// It is shorter or longer than its message's header says.
  case wrongLength
  /// Its token could not be opened.
  case notGenuine
  /// It was signed only, at the confidentiality level.
  case notConfidential
  /// It has been seen.
  case repeated
  /// It came later than the window can judge.
  case late
  /// Its header cannot be read (RFC 1928 section 7), or has a reserved octet that is not zero.
  case malformedHeader
  /// It is a fragment, and fragments are not wanted, or its sequence was abandoned.
  case fragment
  /// A rule forbids its target.
  case refusedByRule
  /// Its target's name has no address.
  case unresolved
  /// It does not fit, on the side that it should have gone to.
  case tooLarge
  /// Too many are waiting: to be sent, or for a name.
  case queueFull
  /// It came faster than a bandwidth allows, and would have had to wait.
  case overBandwidth
  /// The system would not send it.
  case notSent
  /// It came from an address and port that this association has sent nothing to.
  case unaskedSource
  /// It came before anything from the client: nobody knows where to send it.
  case unknownClient
  /// It could not be protected.
  case protectionFailed
  /// What its target is called cannot be the name of a host.
  case malformedName
}

extension DatagramDrop: CustomStringConvertible {
  /// The word used in logs.
  public var description: String {
    switch self {
    case .foreignSource: "foreign-source"
    case .unprotected: "unprotected"
    case .wrongLength: "wrong-length"
    case .notGenuine: "not-genuine"
    case .notConfidential: "not-confidential"
    case .repeated: "repeated"
    case .late: "late"
    case .malformedHeader: "malformed-header"
    case .fragment: "fragment"
    case .refusedByRule: "refused-by-rule"
    case .unresolved: "unresolved"
    case .tooLarge: "too-large"
    case .queueFull: "queue-full"
    case .overBandwidth: "over-bandwidth"
    case .notSent: "not-sent"
    case .unaskedSource: "unasked-source"
    case .unknownClient: "unknown-client"
    case .protectionFailed: "protection-failed"
    case .malformedName: "malformed-name"
    }
  }
}

/// How many datagrams were dropped, for each reason.
public struct DatagramDrops: Hashable, Sendable {
  private var counts = [UInt64](repeating: 0, count: DatagramDrop.allCases.count)

  public init() {}

  public subscript(reason: DatagramDrop) -> UInt64 { self.counts[reason.rawValue] }

  public var total: UInt64 { self.counts.reduce(0, +) }

  /// The reasons that have occurred.
  public var reasons: [(reason: DatagramDrop, count: UInt64)] {
    DatagramDrop.allCases.map { ($0, self[$0]) }.filter { $0.1 > 0 }
  }

  /// Both counts together.
  public func merging(_ other: Self) -> Self {
    var sum = self
    for (reason, count) in other.reasons { sum.count(reason, datagrams: count) }
    return sum
  }

  public mutating func count(_ reason: DatagramDrop, datagrams: UInt64 = 1) {
    self.counts[reason.rawValue] += datagrams
  }
}

extension DatagramDrops: CustomStringConvertible {
  /// `repeated=2 fragment=1`
  public var description: String {
    self.reasons.map { "\($0.reason)=\($0.count)" }.joined(separator: " ")
  }
}
