/// The server's half of RFC 1929: one request, one response.
public struct UsernamePasswordSubnegotiation: Hashable, Sendable {
  public enum Action: Hashable, Sendable {
    /// Compare, off the loop; the outcome comes back by `passwordChecked`.
    case checkPassword(UsernamePasswordRequest)
    /// Send, and go on to the request of this user.
    case accept(username: [UInt8], UsernamePasswordResponse)
    /// Send, and close: "it MUST close the connection".
    case refuse(UsernamePasswordResponse, SOCKSError)
    /// Close without an answer.
    case fail(SOCKSError)
    /// Drop what came too late.
    case discard
  }

  private enum State: Hashable {
    case awaitingRequest
    case checkingPassword(username: [UInt8])
    /// Answered and closed while the check was in flight.
    case abandoned
    case ended
  }

  private var state: State = .awaitingRequest

  public init() {}

  /// True while nothing may be read from the peer.
  public var isChecking: Bool {
    switch self.state {
    case .checkingPassword: true
    case .awaitingRequest, .abandoned, .ended: false
    }
  }

  public mutating func receivedRequest(_ request: UsernamePasswordRequest) -> Action {
    switch self.state {
    case .awaitingRequest:
      self.state = .checkingPassword(username: request.username)
      return .checkPassword(request)
    case .checkingPassword:
      self.state = .ended
      return .fail(SOCKSError(.internalError, "a request was handed over at the wrong time"))
    case .abandoned, .ended:
      return .discard
    }
  }

  public mutating func passwordChecked(_ outcome: PasswordOutcome) -> Action {
    switch self.state {
    case .checkingPassword(let username):
      self.state = .ended
      // To the client the two failures are one.
      switch outcome {
      case .correct: return .accept(username: username, .success)
      case .refused:
        return .refuse(.failure, SOCKSError(.passwordRefused, "the user name or the password is wrong"))
      case .notChecked:
        return .refuse(.failure, SOCKSError(.passwordNotChecked, "the password could not be checked"))
      }
    case .abandoned:
      self.state = .ended
      return .discard
    case .awaitingRequest:
      self.state = .ended
      return .fail(SOCKSError(.internalError, "a check finished that was not begun"))
    case .ended:
      return .discard
    }
  }

  /// A deadline passed, or the peer went away.
  public mutating func interrupted(_ error: SOCKSError) -> Action {
    switch self.state {
    case .awaitingRequest:
      self.state = .ended
      return .fail(error)
    case .checkingPassword:
      self.state = .abandoned
      return .refuse(.failure, error)
    case .abandoned, .ended:
      return .discard
    }
  }
}
