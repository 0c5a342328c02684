import NIOCore

/// The server's half of RFC 1961: context establishment (section 3), then the protection level (section 4).
///
/// Every reason to refuse ends in an abort, `01 ff`, until the level is agreed.
public struct GSSAcceptorSubnegotiation: Hashable, Sendable {
  enum State: Hashable {
    case awaitingToken(round: Int)
    case steppingContext(round: Int)
    case awaitingProtectionLevel(SecurityContextAttributes)
    case unwrappingProtectionLevel(SecurityContextAttributes)
    case wrappingProtectionLevel(Agreement)
    case agreed
    /// Answered and closed while a step was in flight: its completion only frees the context.
    case abandoned
    case ended
  }

  let configuration: Configuration
  var state: State = .awaitingToken(round: 1)

  public init(configuration: Configuration) { self.configuration = configuration }

  /// True while nothing may be read from the peer.
  public var isStepping: Bool {
    switch self.state {
    case .steppingContext, .unwrappingProtectionLevel, .wrappingProtectionLevel: true
    case .awaitingToken, .awaitingProtectionLevel, .agreed, .abandoned, .ended: false
    }
  }

  /// True from the completion of the context on.
  public var hasContext: Bool {
    switch self.state {
    case .awaitingProtectionLevel, .unwrappingProtectionLevel, .wrappingProtectionLevel, .agreed: true
    case .awaitingToken, .steppingContext, .abandoned, .ended: false
    }
  }

  // MARK: Events

  public mutating func receivedMessage(_ message: GSSMessage) -> Action {
    switch self.state {
    case .awaitingToken(let round):
      switch message {
      case .authentication(let token):
        // With SPNEGO an empty first token makes the library answer, and hold a context for a peer that proved nothing.
        guard token.readableBytes > 0 else { return self.fail(.emptyToken, "an authentication token is empty") }
        self.state = .steppingContext(round: round)
        return .stepContext(token: token)
      case .protectionLevel, .encapsulation:
        return self.fail(.unexpectedMessage, "a message of type \(message.type) came before the context was complete")
      case .abort:
        return self.fail(.abortReceived, "the client sent an abort")
      }
    case .awaitingProtectionLevel(let attributes):
      switch message {
      case .protectionLevel(let token):
        // One octet cannot be a wrapped one.
        if token.readableBytes == 1, let octet: UInt8 = token.getInteger(at: token.readerIndex) {
          if self.configuration.compatibility.contains(.nec) { return self.receivedClearLevel(octet, attributes) }
          if octet <= ProtectionLevel.selective.rawValue {
            return self.fail(.levelNotWrapped, "the client sent protection level \(octet) without wrapping it")
          }
        }
        self.state = .unwrappingProtectionLevel(attributes)
        return .unwrapProtectionLevel(token: token)
      case .authentication, .encapsulation:
        return self.fail(.unexpectedMessage, "a message of type \(message.type) came instead of the protection level")
      case .abort:
        return self.fail(.abortReceived, "the client sent an abort")
      }
    case .steppingContext, .unwrappingProtectionLevel, .wrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a message was handed over at the wrong time")
    case .abandoned, .ended:
      return .discard
    }
  }

  /// The octets that came cannot be a message. Where an unprotected request is accepted they are one: it is left in the buffer.
  public mutating func receivedMalformedMessage(_ error: SOCKSError) -> Action {
    switch self.state {
    case .abandoned, .ended: return .discard
    case .awaitingProtectionLevel(let attributes)
    where error.code == .unprotectedRequest && self.configuration.compatibility.contains(.unprotected):
      self.state = .agreed
      return .leaveUnprotected(
        UnprotectedSession(attributes: attributes, compatibility: [.unprotected]), answer: nil)
    case .awaitingToken, .steppingContext, .awaitingProtectionLevel, .unwrappingProtectionLevel,
      .wrappingProtectionLevel, .agreed:
      return self.fail(error)
    }
  }

  public mutating func stepFinished(_ result: ContextStepResult) -> Action {
    switch self.state {
    case .steppingContext(let round):
      switch result {
      case .continueNeeded(let token):
        guard round < self.configuration.maximumRounds else {
          return self.fail(.tooManyRounds, "no context after \(round) authentication messages")
        }
        // To the client an empty token says that the context is established (section 3.6). MIT's library asks for more without
        // a token when a first token names Kerberos but holds no AP-REQ.
        guard token.readableBytes > 0 else {
          return self.fail(.contextFailed, "the library asks for a further message, and has no answer to this one")
        }
        self.state = .awaitingToken(round: round + 1)
        return .send(.authentication(token: token))
      case .complete(let attributes, let token):
        if var violation = self.configuration.requirements.violation(of: attributes) {
          violation.serviceClaimed = attributes.acceptorName
          return self.fail(violation)
        }
        self.state = .awaitingProtectionLevel(attributes)
        // "If no token is returned, a zero length token should be sent by the server" (section 3.6)
        return .send(.authentication(token: token ?? ByteBuffer()))
      case .failed(let error):
        return self.fail(error)
      }
    case .abandoned, .ended:
      self.state = .ended
      return .discard
    case .awaitingToken, .awaitingProtectionLevel, .unwrappingProtectionLevel, .wrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a step finished that was not begun")
    }
  }

  public mutating func protectionLevelUnwrapped(_ result: UnwrapResult) -> Action {
    switch self.state {
    case .unwrappingProtectionLevel(let attributes):
      switch result {
      case .failed(let error):
        return self.fail(error)
      case .unwrapped(let octets, let outcome):
        return self.judgeLevel(octets, outcome, attributes)
      }
    case .abandoned, .ended:
      return .discard
    case .awaitingToken, .steppingContext, .awaitingProtectionLevel, .wrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a level was unwrapped that was not asked for")
    }
  }

  public mutating func protectionLevelWrapped(_ result: WrapResult) -> Action {
    switch self.state {
    case .wrappingProtectionLevel(let agreement):
      switch result {
      case .failed(let error): return self.fail(error)
      case .wrapped(let token): return self.agree(agreement, answer: token)
      }
    case .abandoned, .ended:
      return .discard
    case .awaitingToken, .steppingContext, .awaitingProtectionLevel, .unwrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a level was wrapped that was not asked for")
    }
  }

  /// A deadline passed, or the peer went away.
  public mutating func interrupted(_ error: SOCKSError) -> Action {
    switch self.state {
    case .steppingContext:
      self.state = .abandoned
      return .abort(error)
    case .awaitingToken, .awaitingProtectionLevel, .unwrappingProtectionLevel, .wrappingProtectionLevel, .agreed:
      return self.fail(error)
    case .abandoned, .ended:
      return .discard
    }
  }

  // MARK: Endings

  mutating func fail(_ code: SOCKSError.Code, _ detail: String) -> Action {
    self.fail(SOCKSError(code, detail))
  }

  mutating func fail(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .abort(error)
  }
}
