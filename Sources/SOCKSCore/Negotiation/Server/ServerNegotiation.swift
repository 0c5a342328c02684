public import NIOCore

/// The server's side of a connection from its first octet to the point where relaying begins (RFC 1928 sections 3 to 6).
///
/// It is given the octets that have come, takes one message at a time off them, and says what to do. While a step is in
/// flight (a call of the library, a password, a connection to a target) it takes nothing.
public struct ServerNegotiation: Hashable, Sendable {
  enum State: Hashable {
    case awaitingMethodOffer
    /// The first byte is not SOCKS5's, and may begin several other protocols.
    case recognizingProtocol
    case authenticatingGSS(GSSAcceptorSubnegotiation)
    case authenticatingPassword(UsernamePasswordSubnegotiation)
    case awaitingRequest
    case serving
    /// "Two replies are sent from the SOCKS server to the client during a BIND operation" (RFC 1928 section 6): the first
    /// is due.
    case servingBind
    /// The second is due.
    case listening
    case relaying
    case ended
  }

  /// Octets that a client may send ahead while BIND waits for its peer. They are read, unlike those behind a CONNECT:
  /// the wait is long, and the client's end must be seen behind them.
  public static let maximumEarlyData = 64 * 1_024

  let configuration: Configuration
  var state: State = .awaitingMethodOffer
  /// The client has offered other methods than the one that was selected.
  public internal(set) var hasAlternatives = false

  public init(configuration: Configuration) { self.configuration = configuration }

  // MARK: Events

  /// Octets have come, or the action before this one is done. Takes at most one message off the buffer.
  public mutating func receivedOctets(_ buffer: inout ByteBuffer) -> Action {
    switch self.state {
    case .awaitingMethodOffer, .recognizingProtocol:
      return self.receivedMethodOffer(&buffer)
    case .authenticatingGSS(let gss):
      return self.receivedGSSMessage(&buffer, gss)
    case .authenticatingPassword(let password):
      return self.receivedPassword(&buffer, password)
    case .awaitingRequest:
      return self.receivedRequest(&buffer)
    case .serving, .servingBind:
      return .wait
    case .listening:
      guard buffer.readableBytes <= Self.maximumEarlyData else {
        return self.refuse(SOCKSError(.unexpectedMessage, "too much early data"))
      }
      return .readMore
    case .relaying, .ended:
      return .discard
    }
  }

  public mutating func stepFinished(_ result: ContextStepResult) -> Action {
    self.gssEvent { $0.stepFinished(result) }
  }

  public mutating func protectionLevelUnwrapped(_ result: UnwrapResult) -> Action {
    self.gssEvent { $0.protectionLevelUnwrapped(result) }
  }

  public mutating func protectionLevelWrapped(_ result: WrapResult) -> Action {
    self.gssEvent { $0.protectionLevelWrapped(result) }
  }

  public mutating func passwordChecked(_ outcome: PasswordOutcome) -> Action {
    switch self.state {
    case .authenticatingPassword(var password):
      let action = password.passwordChecked(outcome)
      self.state = .authenticatingPassword(password)
      return self.translate(action)
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .awaitingRequest, .serving, .servingBind,
      .listening, .relaying:
      return self.fail(SOCKSError(.internalError, "a password was checked that was not asked for"))
    }
  }

  /// BIND listens, at the address that the client passes on to its peer: the first reply.
  public mutating func announced(_ bound: SOCKSAddress) -> Action {
    switch self.state {
    case .servingBind:
      self.state = .listening
      return .announce(reply: Self.encoded(SOCKSReply(code: .succeeded, bound: bound).encode))
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .authenticatingPassword, .awaitingRequest,
      .serving, .listening, .relaying:
      return self.fail(SOCKSError(.internalError, "an address was announced that was not asked for"))
    }
  }

  /// The request has been carried out, or refused: the code that did so knows why.
  public mutating func requestFinished(_ reply: SOCKSReply) -> Action {
    switch self.state {
    case .servingBind where reply.code == .succeeded:
      return self.fail(SOCKSError(.internalError, "BIND succeeded without having listened"))
    case .serving, .servingBind, .listening:
      let answer = Self.encoded(reply.encode)
      guard reply.code == .succeeded else {
        self.state = .ended
        return .refuse(answer: answer, SOCKSError(.requestRefused, reply.code.description, reply: reply.code))
      }
      self.state = .relaying
      return .relay(reply: answer)
    case .ended:
      return .discard
    case .awaitingMethodOffer, .recognizingProtocol, .authenticatingGSS, .authenticatingPassword, .awaitingRequest,
      .relaying:
      return self.fail(SOCKSError(.internalError, "a request was finished that was not asked for"))
    }
  }
}
