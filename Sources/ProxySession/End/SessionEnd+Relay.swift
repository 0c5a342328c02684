public import SOCKSCore
public import SOCKSNIO

extension SessionEnd {
  /// How a relay ended; nil where its owner knows.
  public init?(_ cause: StreamRelaySession.End.Cause) {
    switch cause {
    case .completed(let side): self.init(.completed, by: SessionParty(side), in: .relaying)
    case .failed(let error, let side): self.init(error, from: SessionParty(side), in: .relaying)
    case .idle(let isHalfClosed): self.init(.timeout(isHalfClosed ? .halfClosed : .idle), in: .relaying)
    case .endedByOwner: return nil
    }
  }
}

extension SessionParty {
  public init(_ side: StreamRelay.Side) {
    self =
      switch side {
      case .client: .client
      case .target: .target
      }
  }
}
