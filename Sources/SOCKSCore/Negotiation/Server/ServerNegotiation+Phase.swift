extension ServerNegotiation {
  /// What the connection is waiting for; each phase has a deadline of its own.
  public enum Phase: String, Hashable, Sendable {
    case method
    case authentication
    case level
    case request
    case serving
    /// Between the two replies to BIND.
    case listening
    case relaying
    case ended
  }

  public var phase: Phase {
    switch self.state {
    case .awaitingMethodOffer, .recognizingProtocol: .method
    case .authenticatingGSS(let gss): gss.hasContext ? .level : .authentication
    case .authenticatingPassword: .authentication
    case .awaitingRequest: .request
    case .serving, .servingBind: .serving
    case .listening: .listening
    case .relaying: .relaying
    case .ended: .ended
    }
  }
}
