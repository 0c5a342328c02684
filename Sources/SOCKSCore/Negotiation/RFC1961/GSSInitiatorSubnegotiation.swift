public import NIOCore

/// The client's half of RFC 1961: context establishment (section 3), then the protection level (section 4).
///
/// "If the server's choice of protection level is unacceptable to the client, then the client must close": every
/// failure here means close, and no second, weaker attempt.
public struct GSSInitiatorSubnegotiation: Hashable, Sendable {
  public struct Configuration: Hashable, Sendable {
    /// The level asked for.
    public var level: ProtectionLevel
    /// The levels taken for an answer; by default those that are not weaker.
    public var acceptableLevels: Set<ProtectionLevel>
    public var requirements: ContextRequirements
    /// Authentication messages taken from a server.
    public var maximumRounds: Int

    public init(
      level: ProtectionLevel, acceptableLevels: Set<ProtectionLevel>? = nil, requirements: ContextRequirements? = nil,
      maximumRounds: Int = 5
    ) {
      self.level = level
      self.acceptableLevels = acceptableLevels ?? Set(level.acceptableAnswers)
      self.requirements = requirements ?? .initiator(level: level)
      self.maximumRounds = maximumRounds
    }
  }

  public enum Action: Hashable, Sendable {
    case readMore
    case send(GSSMessage)
    /// Hand the token (nil: begin) to the library, off the loop; the outcome comes back by `stepFinished`.
    case stepContext(token: ByteBuffer?)
    /// Wrap this one octet without confidentiality; the token comes back by `protectionLevelWrapped`.
    case wrapProtectionLevel(UInt8)
    /// Unwrap on the loop; the outcome comes back by `protectionLevelUnwrapped`.
    case unwrapProtectionLevel(token: ByteBuffer)
    /// From the next octet on everything is encapsulated, both ways.
    case protect(AgreedProtection)
    /// Close.
    case fail(SOCKSError)
    /// Free what came too late.
    case discard
  }

  private enum State: Hashable {
    case ready
    case steppingContext(round: Int)
    case awaitingToken(round: Int)

    case wrappingProtectionLevel(SecurityContextAttributes)
    /// Complete on this side; the server still has to say "ready" by a token of length zero (section 3.6).
    case awaitingReady(SecurityContextAttributes)
    case awaitingProtectionLevel(SecurityContextAttributes)
    case unwrappingProtectionLevel(SecurityContextAttributes)
    case agreed
    case abandoned
    case ended
  }

  private let configuration: Configuration
  private var state: State = .ready

  public init(configuration: Configuration) { self.configuration = configuration }

  /// True while nothing may be read from the peer.
  public var isStepping: Bool {
    switch self.state {
    case .steppingContext, .unwrappingProtectionLevel, .wrappingProtectionLevel: true
    case .ready, .awaitingToken, .awaitingReady, .awaitingProtectionLevel, .agreed, .abandoned, .ended: false
    }
  }

  // MARK: Events

  public mutating func begin() -> Action {
    switch self.state {
    case .ready:
      // No message of the server's has been taken yet.
      self.state = .steppingContext(round: 0)
      return .stepContext(token: nil)
    case .steppingContext, .awaitingToken, .wrappingProtectionLevel, .awaitingReady, .awaitingProtectionLevel,
      .unwrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "begun twice")
    case .abandoned, .ended:
      return .discard
    }
  }

  public mutating func receivedMessage(_ message: GSSMessage) -> Action {
    if case .abort = message {
      switch self.state {
      case .abandoned, .ended: return .discard
      case .ready, .steppingContext, .awaitingToken, .wrappingProtectionLevel, .awaitingReady:
        return self.fail(.abortReceived, "the gateway refused the authentication (abort)")
      case .awaitingProtectionLevel, .unwrappingProtectionLevel, .agreed:
        return self.fail(
          .levelNotAcceptable, "the gateway refused protection level \(self.configuration.level) (abort)")
      }
    }
    switch self.state {
    case .awaitingToken(let round):
      guard case .authentication(let token) = message else {
        return self.fail(.unexpectedMessage, "a message of type \(message.type) came before the context was complete")
      }
      guard token.readableBytes > 0 else {
        return self.fail(.emptyToken, "the gateway said ready before the context was complete")
      }
      guard round <= self.configuration.maximumRounds else {
        return self.fail(.tooManyRounds, "more than \(self.configuration.maximumRounds) authentication messages")
      }
      self.state = .steppingContext(round: round)
      return .stepContext(token: token)
    case .awaitingReady(let attributes):
      guard case .authentication(let token) = message else {
        return self.fail(
          .unexpectedMessage, "a message of type \(message.type) came instead of the gateway's last token")
      }
      guard token.readableBytes == 0 else {
        return self.fail(.unexpectedMessage, "an authentication token came after the context was complete")
      }
      self.state = .wrappingProtectionLevel(attributes)
      return .wrapProtectionLevel(self.configuration.level.rawValue)
    case .awaitingProtectionLevel(let attributes):
      guard case .protectionLevel(let token) = message else {
        return self.fail(.unexpectedMessage, "a message of type \(message.type) came instead of the protection level")
      }
      self.state = .unwrappingProtectionLevel(attributes)
      return .unwrapProtectionLevel(token: token)
    case .ready, .steppingContext, .wrappingProtectionLevel, .unwrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a message was handed over at the wrong time")
    case .abandoned, .ended:
      return .discard
    }
  }

  /// The octets that came cannot be a message.
  public mutating func receivedMalformedMessage(_ error: SOCKSError) -> Action {
    switch self.state {
    case .abandoned, .ended: return .discard
    case .ready, .steppingContext, .awaitingToken, .wrappingProtectionLevel, .awaitingReady, .awaitingProtectionLevel,
      .unwrappingProtectionLevel, .agreed:
      return self.fail(error)
    }
  }

  public mutating func stepFinished(_ result: ContextStepResult) -> Action {
    switch self.state {
    case .steppingContext(let round):
      switch result {
      case .continueNeeded(let token):
        guard token.readableBytes > 0 else {
          return self.fail(.contextFailed, "the library wants another token, and has none for the gateway")
        }
        self.state = .awaitingToken(round: round + 1)
        return .send(.authentication(token: token))
      case .complete(let attributes, let token):
        if let violation = self.configuration.requirements.violation(of: attributes) { return self.fail(violation) }
        guard let token, token.readableBytes > 0 else {
          self.state = .wrappingProtectionLevel(attributes)
          return .wrapProtectionLevel(self.configuration.level.rawValue)
        }
        // The server completes with our last token, and says so by an empty one.
        self.state = .awaitingReady(attributes)
        return .send(.authentication(token: token))
      case .failed(let error):
        return self.fail(error)
      }
    case .abandoned, .ended:
      self.state = .ended
      return .discard
    case .ready, .awaitingToken, .wrappingProtectionLevel, .awaitingReady, .awaitingProtectionLevel,
      .unwrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a step finished that was not begun")
    }
  }

  public mutating func protectionLevelWrapped(_ result: WrapResult) -> Action {
    switch self.state {
    case .wrappingProtectionLevel(let attributes):
      switch result {
      case .failed(let error):
        return self.fail(error)
      case .wrapped(let token):
        self.state = .awaitingProtectionLevel(attributes)
        return .send(.protectionLevel(token: token))
      }
    case .abandoned, .ended:
      return .discard
    case .ready, .steppingContext, .awaitingToken, .awaitingReady, .awaitingProtectionLevel,
      .unwrappingProtectionLevel, .agreed:
      return self.fail(.internalError, "a level was wrapped that was not asked for")
    }
  }

  public mutating func protectionLevelUnwrapped(_ result: UnwrapResult) -> Action {
    switch self.state {
    case .unwrappingProtectionLevel(let attributes):
      switch result {
      case .failed(let error): return self.fail(error)
      case .unwrapped(let octets, let outcome): return self.judgeLevel(octets, outcome, attributes)
      }
    case .abandoned, .ended:
      return .discard
    case .ready, .steppingContext, .awaitingToken, .wrappingProtectionLevel, .awaitingReady,
      .awaitingProtectionLevel, .agreed:
      return self.fail(.internalError, "a level was unwrapped that was not asked for")
    }
  }

  /// A deadline passed, or the peer went away.
  public mutating func interrupted(_ error: SOCKSError) -> Action {
    switch self.state {
    case .steppingContext:
      self.state = .abandoned
      return .fail(error)
    case .ready, .awaitingToken, .wrappingProtectionLevel, .awaitingReady, .awaitingProtectionLevel,
      .unwrappingProtectionLevel, .agreed:
      return self.fail(error)
    case .abandoned, .ended:
      return .discard
    }
  }

  // MARK: Decisions

  private mutating func judgeLevel(
    _ octets: [UInt8], _ outcome: UnwrapOutcome, _ attributes: SecurityContextAttributes
  ) -> Action {
    var check = IncomingMessageCheck()
    do throws(SOCKSError) {
      try check.verify(outcome)
    } catch {
      return self.fail(error)
    }
    guard octets.count == 1, let octet = octets.first else {
      return self.fail(.invalidLevel, "the gateway answered with a level of \(octets.count) octets")
    }
    guard let level = ProtectionLevel(rawValue: octet), self.configuration.acceptableLevels.contains(level) else {
      return self.fail(
        .levelNotAcceptable,
        "asked for level \(self.configuration.level.rawValue) (\(self.configuration.level)), the gateway answered \(octet)"
      )
    }
    guard !level.needsConfidentiality || attributes.services.contains(.confidentiality) else {
      return self.fail(
        .levelNotAcceptable, "the gateway answered level \(octet), but the context has no confidentiality")
    }
    self.state = .agreed
    return .protect(AgreedProtection(level: level, attributes: attributes, incoming: check.at(level)))
  }

  private mutating func fail(_ code: SOCKSError.Code, _ detail: String) -> Action {
    self.fail(SOCKSError(code, detail))
  }

  private mutating func fail(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .fail(error)
  }
}
