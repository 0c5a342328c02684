public import NIOCore

/// The server's half of RFC 1961: context establishment (section 3), then the protection level (section 4).
///
/// Every reason to refuse ends in an abort, `01 ff`, until the level is agreed.
public struct GSSAcceptorSubnegotiation: Hashable, Sendable {
  public struct Configuration: Hashable, Sendable {
    /// The levels that may be agreed.
    public var levels: Set<ProtectionLevel>
    public var requirements: ContextRequirements
    /// Authentication messages taken from a client: 1 is what Kerberos needs, 5 is enough for SPNEGO.
    public var maximumRounds: Int
    /// The departures from the RFC that are on for this client.
    public var compatibility: Set<CompatibilitySwitch>

    public init(
      levels: Set<ProtectionLevel>, requirements: ContextRequirements, maximumRounds: Int = 1,
      compatibility: Set<CompatibilitySwitch> = []
    ) {
      self.levels = levels
      self.requirements = requirements
      self.maximumRounds = maximumRounds
      self.compatibility = compatibility
    }
  }

  public enum Action: Hashable, Sendable {
    /// Nothing to do before more comes from the peer.
    case readMore
    /// Send, and go on.
    case send(GSSMessage)
    /// Hand the token to the library, off the loop; the outcome comes back by `stepFinished`.
    case stepContext(token: ByteBuffer)
    /// Unwrap on the loop; the outcome comes back by `protectionLevelUnwrapped`.
    case unwrapProtectionLevel(token: ByteBuffer)
    /// Wrap this one octet without confidentiality; the token comes back by `protectionLevelWrapped`.
    case wrapProtectionLevel(UInt8)
    /// Send the answer; from the next octet on everything is encapsulated, both ways.
    case protect(AgreedProtection, answer: GSSMessage)
    /// Send the answer, if there is one, and go on in clear; the context is not needed any more.
    case leaveUnprotected(UnprotectedSession, answer: GSSMessage?)
    /// Send an abort and close.
    case abort(SOCKSError)
    /// Free what came too late.
    case discard
  }

  private enum State: Hashable {
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

  /// What the level message is answered with.
  private enum Agreement: Hashable {
    case protection(AgreedProtection)
    /// Level 0.
    case unprotected(UnprotectedSession)

    var octet: UInt8 {
      switch self {
      case .protection(let agreed): agreed.level.rawValue
      case .unprotected: 0x00
      }
    }
  }

  private let configuration: Configuration
  private var state: State = .awaitingToken(round: 1)

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

  /// The octets that came cannot be a message. Where a request in clear will do they are one: it is left in the buffer.
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
        // To the client an empty token says that the context stands (section 3.6). MIT's library asks for more without
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

  // MARK: Decisions

  private mutating func judgeLevel(
    _ octets: [UInt8], _ outcome: UnwrapOutcome, _ attributes: SecurityContextAttributes
  ) -> Action {
    var check = IncomingMessageCheck()
    do throws(SOCKSError) {
      // The token may be sealed or not; it has to be unwrapped without any reservation.
      try check.verify(outcome)
    } catch {
      return self.fail(error)
    }
    guard octets.count == 1, let octet = octets.first else {
      return self.fail(.invalidLevel, "the client sent \(octets.count) octets instead of a level")
    }
    do throws(SOCKSError) {
      let agreement = try self.agreement(on: octet, attributes, check, compatibility: [])
      self.state = .wrappingProtectionLevel(agreement)
      return .wrapProtectionLevel(agreement.octet)
    } catch {
      return self.fail(error)
    }
  }

  /// The level without a token around it, and the answer likewise.
  private mutating func receivedClearLevel(_ octet: UInt8, _ attributes: SecurityContextAttributes) -> Action {
    do throws(SOCKSError) {
      let agreement = try self.agreement(on: octet, attributes, IncomingMessageCheck(), compatibility: [.nec])
      return self.agree(agreement, answer: ByteBuffer(bytes: [agreement.octet]))
    } catch {
      return self.fail(error)
    }
  }

  private mutating func agree(_ agreement: Agreement, answer token: ByteBuffer) -> Action {
    self.state = .agreed
    switch agreement {
    case .protection(let agreed): return .protect(agreed, answer: .protectionLevel(token: token))
    case .unprotected(let session): return .leaveUnprotected(session, answer: .protectionLevel(token: token))
    }
  }

  private func agreement(
    on octet: UInt8, _ attributes: SecurityContextAttributes, _ check: IncomingMessageCheck,
    compatibility: Set<CompatibilitySwitch>
  ) throws(SOCKSError) -> Agreement {
    let asked = ProtectionLevel(rawValue: octet)
    if self.configuration.compatibility.contains(.unprotected), asked != nil || octet == 0x00 {
      return .unprotected(
        UnprotectedSession(attributes: attributes, compatibility: compatibility.union([.unprotected])))
    }
    guard let asked else {
      throw SOCKSError(octet == 0x00 ? .levelZero : .invalidLevel, "the client asked for level \(octet)")
    }
    var allowed = self.configuration.levels
    if !attributes.services.contains(.confidentiality) { allowed.formIntersection([.integrity]) }
    // "the security context protection level which it agrees to": never weaker than what was asked for, since a client in
    // the field goes on with its own level whatever the answer is.
    guard let level = asked.answer(allowed: allowed) else {
      throw SOCKSError(
        .levelNotAcceptable, "the client asked for level \(asked.rawValue) (\(asked)), not allowed here")
    }
    return .protection(
      AgreedProtection(
        level: level, attributes: attributes, incoming: check.at(level), compatibility: compatibility))
  }

  private mutating func fail(_ code: SOCKSError.Code, _ detail: String) -> Action {
    self.fail(SOCKSError(code, detail))
  }

  private mutating func fail(_ error: SOCKSError) -> Action {
    self.state = .ended
    return .abort(error)
  }
}
