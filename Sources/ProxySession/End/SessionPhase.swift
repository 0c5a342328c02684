public import SOCKSCore

/// How far a session had come when it ended.
public enum SessionPhase: String, Sendable, Hashable, CaseIterable {
  /// Up to the method offer.
  case method
  /// Up to an established context, or a checked password.
  case authentication
  /// Up to an agreed protection level.
  case level
  /// Up to a whole request.
  case request
  /// The request is being carried out.
  case serving
  /// Between the two replies to BIND.
  case listening
  /// From the success reply on.
  case relaying

  public init(_ phase: ServerNegotiation.Phase) {
    self =
      switch phase {
      case .method: .method
      case .authentication: .authentication
      case .level: .level
      case .request: .request
      case .serving: .serving
      case .listening: .listening
      case .relaying, .ended: .relaying
      }
  }
}
