public import NIOCore
import SOCKSCore

/// Absolute deadlines of the server's phases: each begins when the phase does, and no dripping octet extends it.
public struct NegotiationTimeouts: Sendable, Hashable {
  /// From the connection to the method offer.
  public var method: TimeAmount
  /// From the method selection to a complete context, library calls included.
  public var authentication: TimeAmount
  /// From the complete context to the agreed level.
  public var level: TimeAmount
  /// From the end of authentication to a whole request.
  public var request: TimeAmount

  public init(
    method: TimeAmount = .seconds(10), authentication: TimeAmount = .seconds(30), level: TimeAmount = .seconds(10),
    request: TimeAmount = .seconds(30)
  ) {
    self.method = method
    self.authentication = authentication
    self.level = level
    self.request = request
  }

  func deadline(for phase: ServerNegotiation.Phase) -> TimeAmount? {
    switch phase {
    case .method: self.method
    case .authentication: self.authentication
    case .level: self.level
    case .request: self.request
    case .serving, .listening, .relaying, .ended: nil
    }
  }
}
