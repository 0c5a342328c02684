/// How a session ended: one value, set once, from which the reply, the log level, the penalty and the record's fields
/// follow (``replyCode``, ``logLevel``, ``penalty``, ``reason``, ``hint(_:)``).
///
/// Gateway and bridge use the same type. To the bridge, the client is the local program, and the target is whatever lies
/// behind its own connection: the gateway, or the target behind that.
public struct SessionEnd: Error, Hashable, Sendable {
  public let cause: Cause
  /// Who ended it.
  public let party: SessionParty
  /// When; nil where the session had come to no certain point.
  public var phase: SessionPhase?
  /// For the log: a library's or the system's text of any content. Escape it where it is shown or logged.
  public let detail: String

  /// - Parameter party: who ended it, where the cause does not say.
  public init(_ cause: Cause, by party: SessionParty? = nil, in phase: SessionPhase? = nil, _ detail: String = "") {
    self.cause = cause
    self.party = party ?? cause.usualParty
    self.phase = phase
    self.detail = detail.isEmpty ? cause.usualDetail : detail
  }

  /// The same end, at a certain time.
  public func during(_ phase: SessionPhase) -> SessionEnd {
    var end = self
    if end.phase == nil { end.phase = phase }
    return end
  }
}

extension SessionEnd: CustomStringConvertible {
  /// For one line of log, unescaped.
  public var description: String { self.detail.isEmpty ? self.reason : "\(self.reason): \(self.detail)" }
}

/// The end of one session: the first call counts, and what follows from that end changes nothing.
public struct SessionOutcome: Sendable {
  public private(set) var end: SessionEnd?

  public init() {}

  /// - Returns: true for the first end.
  public mutating func set(_ end: SessionEnd) -> Bool {
    guard self.end == nil else { return false }
    self.end = end
    return true
  }
}
