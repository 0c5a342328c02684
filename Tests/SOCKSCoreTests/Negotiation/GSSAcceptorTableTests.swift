import NIOCore
import SOCKSCore
import Testing

/// Every state of the acceptor's machine with every event.
@Suite struct GSSAcceptorTableTests {
  enum State: CaseIterable {
    case awaitingFirstToken, awaitingLaterToken, stepping, awaitingLevel, unwrapping, wrapping, agreed, abandoned, ended
  }

  enum Event: CaseIterable {
    case token, emptyToken, level, data, abort, malformed
    case stepContinues, stepContinuesSilently, stepCompletes, stepCompletesSilently, stepCompletesTooWeak, stepFails
    case levelUnwrapped, levelUnwrapFails, levelWrapped, levelWrapFails, deadline
  }

  typealias Machine = GSSAcceptorSubnegotiation
  typealias Action = GSSAcceptorSubnegotiation.Action

  static let token = ByteBuffer(0x60, 0x01)

  static func machine(in state: State) -> Machine {
    let path: [Event]
    switch state {
    case .awaitingFirstToken: path = []
    case .awaitingLaterToken: path = [.token, .stepContinues]
    case .stepping: path = [.token]
    case .awaitingLevel: path = [.token, .stepCompletes]
    case .unwrapping: path = [.token, .stepCompletes, .level]
    case .wrapping: path = [.token, .stepCompletes, .level, .levelUnwrapped]
    case .agreed: path = [.token, .stepCompletes, .level, .levelUnwrapped, .levelWrapped]
    case .abandoned: path = [.token, .deadline]
    case .ended: path = [.abort]
    }
    var machine = Machine(configuration: .serving(maximumRounds: 2))
    for event in path { _ = Self.apply(event, to: &machine) }
    return machine
  }

  static func apply(_ event: Event, to machine: inout Machine) -> Action {
    switch event {
    case .token: machine.receivedMessage(.authentication(token: Self.token))
    case .emptyToken: machine.receivedMessage(.authentication(token: ByteBuffer()))
    case .level: machine.receivedMessage(.protectionLevel(token: Self.token))
    case .data: machine.receivedMessage(.encapsulation(token: Self.token))
    case .abort: machine.receivedMessage(.abort)
    case .malformed: machine.receivedMalformedMessage(SOCKSError(.wrongVersion))
    case .stepContinues: machine.stepFinished(.continueNeeded(token: Self.token))
    case .stepContinuesSilently: machine.stepFinished(.continueNeeded(token: ByteBuffer()))
    case .stepCompletes: machine.stepFinished(.complete(.strong, token: Self.token))
    case .stepCompletesSilently: machine.stepFinished(.complete(.strong, token: nil))
    case .stepCompletesTooWeak: machine.stepFinished(.complete(.granting([.mutual]), token: Self.token))
    case .stepFails: machine.stepFinished(.failed(SOCKSError(.contextFailed)))
    case .levelUnwrapped: machine.protectionLevelUnwrapped(.unwrapped([0x02], .good(9)))
    case .levelUnwrapFails: machine.protectionLevelUnwrapped(.failed(SOCKSError(.protectionFailed)))
    case .levelWrapped: machine.protectionLevelWrapped(.wrapped(token: Self.token))
    case .levelWrapFails: machine.protectionLevelWrapped(.failed(SOCKSError(.protectionFailed)))
    case .deadline: machine.interrupted(SOCKSError(.timedOut))
    }
  }

  static func expected(_ state: State, _ event: Event) throws -> Action {
    func abort(_ code: SOCKSError.Code) -> Action { .abort(SOCKSError(code)) }
    var incoming = IncomingMessageCheck()
    try incoming.verify(.good(9))
    let agreed = AgreedProtection(
      level: .confidentiality, attributes: .strong, incoming: incoming.at(.confidentiality))

    switch (state, event) {
    case (.abandoned, _), (.ended, _): return .discard
    case (_, .deadline): return abort(.timedOut)
    case (_, .malformed): return abort(.wrongVersion)

    case (.awaitingFirstToken, .token), (.awaitingLaterToken, .token): return .stepContext(token: Self.token)
    case (.awaitingFirstToken, .emptyToken), (.awaitingLaterToken, .emptyToken): return abort(.emptyToken)
    case (.awaitingFirstToken, .level), (.awaitingLaterToken, .level), (.awaitingFirstToken, .data),
      (.awaitingLaterToken, .data):
      return abort(.unexpectedMessage)
    case (.awaitingFirstToken, .abort), (.awaitingLaterToken, .abort), (.awaitingLevel, .abort):
      return abort(.abortReceived)

    case (.stepping, .stepContinues), (.stepping, .stepCompletes):
      return .send(.authentication(token: Self.token))
    // "If no token is returned, a zero length token should be sent by the server" (RFC 1961 section 3.6)
    case (.stepping, .stepCompletesSilently): return .send(.authentication(token: ByteBuffer()))
    case (.stepping, .stepCompletesTooWeak): return abort(.contextTooWeak)
    // An empty token would say that the context stands.
    case (.stepping, .stepFails), (.stepping, .stepContinuesSilently): return abort(.contextFailed)

    case (.awaitingLevel, .level): return .unwrapProtectionLevel(token: Self.token)
    case (.awaitingLevel, .token), (.awaitingLevel, .emptyToken), (.awaitingLevel, .data):
      return abort(.unexpectedMessage)

    case (.unwrapping, .levelUnwrapped): return .wrapProtectionLevel(0x02)
    case (.unwrapping, .levelUnwrapFails), (.wrapping, .levelWrapFails): return abort(.protectionFailed)
    case (.wrapping, .levelWrapped): return .protect(agreed, answer: .protectionLevel(token: Self.token))
    default: return abort(.internalError)
    }
  }

  @Test(arguments: State.allCases, Event.allCases)
  func everyStateAnswersEveryEvent(state: State, event: Event) throws {
    var machine = Self.machine(in: state)
    let action = Self.apply(event, to: &machine)
    #expect(action == (try Self.expected(state, event)))
    guard case .abort = action else { return }
    for late in Event.allCases {
      #expect(Self.apply(late, to: &machine) == .discard, "\(late) after the end")
    }
  }

  @Test(arguments: State.allCases)
  func tellsWhetherItIsSteppingAndHasAContext(state: State) {
    let machine = Self.machine(in: state)
    #expect(machine.isStepping == [.stepping, .unwrapping, .wrapping].contains(state))
    #expect(machine.hasContext == [.awaitingLevel, .unwrapping, .wrapping, .agreed].contains(state))
  }

  @Test(arguments: [1, 2, 5])
  func takesExactlySoManyAuthenticationMessages(maximum: Int) {
    var machine = Machine(configuration: .serving(maximumRounds: maximum))
    for _ in 1..<maximum {
      #expect(Self.apply(.token, to: &machine) == .stepContext(token: Self.token))
      #expect(Self.apply(.stepContinues, to: &machine) == .send(.authentication(token: Self.token)))
    }
    #expect(Self.apply(.token, to: &machine) == .stepContext(token: Self.token))
    #expect(Self.apply(.stepContinues, to: &machine) == .abort(SOCKSError(.tooManyRounds)))
  }
}
