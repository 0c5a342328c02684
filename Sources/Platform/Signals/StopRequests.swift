/// What a running service makes of its program's signals. A value: it has no clock and does nothing itself.
public struct StopRequests: Hashable, Sendable {
  /// What SIGHUP means.
  public enum HangUp: Hashable, Sendable {
    /// The terminal has gone, and the service with it.
    case stops
    /// The service has no terminal. Daemons are asked to read their configuration again in this way.
    case isReported
  }

  public enum Action: Hashable, Sendable {
    /// Take no more work, and let what there is come to its end.
    case stop
    /// End what there is at once.
    case stopAtOnce
    /// Say that nothing was read again.
    case reportHangUp
    case ignore
  }

  private let hangUp: HangUp
  private var requests = 0

  public init(hangUp: HangUp) { self.hangUp = hangUp }

  public mutating func received(_ signal: ProgramSignal) -> Action {
    switch (signal, self.hangUp) {
    case (.hangUp, .isReported): return .reportHangUp
    case (.hangUp, .stops):
      // A terminal that closes may say so twice, through the shell and by itself: that is no second request.
      guard self.requests == 0 else { return .ignore }
    case (.interrupt, _), (.terminate, _): break
    }
    // Counts no further than it matters.
    self.requests = min(self.requests + 1, 3)
    switch self.requests {
    case 1: return .stop
    case 2: return .stopAtOnce
    default: return .ignore
    }
  }
}
