/// Decides, for one direction of an association, whether the plaintext of a datagram's token may be used.
///
/// The library's word on the order of tokens counts for nothing here: datagrams get lost and overtake each other, and
/// what was seen is decided by a window of our own.
public struct DatagramCheck: Hashable, Sendable {
  public let level: ProtectionLevel
  private var window: DatagramReplayWindow

  /// - Parameter control: the check of the control connection in the same direction: what it has seen is seen. The
  ///   context numbers messages and datagrams in one sequence.
  /// - Throws: `protectionFailed` when the mechanism does not number its tokens: a repeated one could not be told.
  public init(following control: IncomingMessageCheck, width: Int = DatagramReplayWindow.defaultWidth)
    throws(SOCKSError)
  {
    guard let level = control.level, let next = control.nextNumber else {
      throw SOCKSError(.protectionFailed, "the context does not number its messages, so datagrams cannot be protected")
    }
    self.level = level
    self.window = DatagramReplayWindow(from: next, width: width)
  }

  /// Judges a datagram whose token was opened.
  ///
  /// - Throws: why it may not be used: `notGenuine`, `notConfidential`, `repeated`, `late`.
  public mutating func verify(_ outcome: UnwrapOutcome) throws(DatagramDrop) {
    // Duplicate, old, unsequenced and gap say nothing that the window does not know better.
    guard !outcome.status.contains(.other), let number = outcome.sequenceNumber else { throw .notGenuine }
    // "if protection level 2 is agreed then conf_req_flag MUST always be TRUE" (RFC 1961 section 5)
    guard self.level != .confidentiality || outcome.isConfidential else { throw .notConfidential }
    switch self.window.admit(number) {
    case .fresh: break
    case .repeated: throw .repeated
    case .late: throw .late
    }
  }
}
