import NIOCore
import SOCKSCore
import Testing

/// Every state of the initiator's machine with every event.
@Suite struct GSSInitiatorTableTests {
  enum State: CaseIterable {
    case ready, stepping, awaitingToken, awaitingReady, wrapping, awaitingLevel, unwrapping, agreed, abandoned, ended
  }

  enum Event: CaseIterable {
    case begin, token, emptyToken, level, data, abort, malformed
    case stepContinues, stepContinuesSilently, stepCompletes, stepCompletesEmpty, stepCompletesWithToken,
      stepCompletesTooWeak, stepFails
    case levelWrapped, levelWrapFails, levelUnwrapped, levelUnwrapFails, deadline
  }

  typealias Machine = GSSInitiatorSubnegotiation
  typealias Action = GSSInitiatorSubnegotiation.Action

  static let token = ByteBuffer(0x60, 0x01)

  static func machine(in state: State) -> Machine {
    let path: [Event]
    switch state {
    case .ready: path = []
    case .stepping: path = [.begin]
    case .awaitingToken: path = [.begin, .stepContinues]
    case .awaitingReady: path = [.begin, .stepCompletesWithToken]
    case .wrapping: path = [.begin, .stepCompletes]
    case .awaitingLevel: path = [.begin, .stepCompletes, .levelWrapped]
    case .unwrapping: path = [.begin, .stepCompletes, .levelWrapped, .level]
    case .agreed: path = [.begin, .stepCompletes, .levelWrapped, .level, .levelUnwrapped]
    case .abandoned: path = [.begin, .deadline]
    case .ended: path = [.abort]
    }
    var machine = Machine(configuration: .init(level: .confidentiality))
    for event in path { _ = Self.apply(event, to: &machine) }
    return machine
  }

  static func apply(_ event: Event, to machine: inout Machine) -> Action {
    switch event {
    case .begin: machine.begin()
    case .token: machine.receivedMessage(.authentication(token: Self.token))
    case .emptyToken: machine.receivedMessage(.authentication(token: ByteBuffer()))
    case .level: machine.receivedMessage(.protectionLevel(token: Self.token))
    case .data: machine.receivedMessage(.encapsulation(token: Self.token))
    case .abort: machine.receivedMessage(.abort)
    case .malformed: machine.receivedMalformedMessage(SOCKSError(.wrongVersion))
    case .stepContinues: machine.stepFinished(.continueNeeded(token: Self.token))
    case .stepContinuesSilently: machine.stepFinished(.continueNeeded(token: ByteBuffer()))
    case .stepCompletes: machine.stepFinished(.complete(.strong, token: nil))
    case .stepCompletesEmpty: machine.stepFinished(.complete(.strong, token: ByteBuffer()))
    case .stepCompletesWithToken: machine.stepFinished(.complete(.strong, token: Self.token))
    case .stepCompletesTooWeak: machine.stepFinished(.complete(.withoutConfidentiality, token: nil))
    case .stepFails: machine.stepFinished(.failed(SOCKSError(.contextFailed)))
    case .levelWrapped: machine.protectionLevelWrapped(.wrapped(token: Self.token))
    case .levelWrapFails: machine.protectionLevelWrapped(.failed(SOCKSError(.protectionFailed)))
    case .levelUnwrapped: machine.protectionLevelUnwrapped(.unwrapped([0x02], .good(9)))
    case .levelUnwrapFails: machine.protectionLevelUnwrapped(.failed(SOCKSError(.protectionFailed)))
    case .deadline: machine.interrupted(SOCKSError(.timedOut))
    }
  }

  static func expected(_ state: State, _ event: Event) throws -> Action {
    func fail(_ code: SOCKSError.Code) -> Action { .fail(SOCKSError(code)) }
    var incoming = IncomingMessageCheck()
    try incoming.verify(.good(9))
    let agreed = AgreedProtection(
      level: .confidentiality, attributes: .strong, incoming: incoming.at(.confidentiality))

    switch (state, event) {
    case (.abandoned, _), (.ended, _): return .discard
    case (_, .deadline): return fail(.timedOut)
    case (_, .malformed): return fail(.wrongVersion)
    // After the context there is only the level to refuse.
    case (.awaitingLevel, .abort), (.unwrapping, .abort), (.agreed, .abort): return fail(.levelNotAcceptable)
    case (_, .abort): return fail(.abortReceived)

    case (.ready, .begin): return .stepContext(token: nil)

    case (.stepping, .stepContinues), (.stepping, .stepCompletesWithToken):
      return .send(.authentication(token: Self.token))
    case (.stepping, .stepCompletes), (.stepping, .stepCompletesEmpty): return .wrapProtectionLevel(0x02)
    case (.stepping, .stepCompletesTooWeak): return fail(.contextTooWeak)
    case (.stepping, .stepFails), (.stepping, .stepContinuesSilently): return fail(.contextFailed)

    case (.awaitingToken, .token): return .stepContext(token: Self.token)
    // Ready before the context is complete on this side: nothing has proved who the server is.
    case (.awaitingToken, .emptyToken): return fail(.emptyToken)
    case (.awaitingToken, .level), (.awaitingToken, .data): return fail(.unexpectedMessage)

    case (.awaitingReady, .emptyToken): return .wrapProtectionLevel(0x02)
    case (.awaitingReady, .token), (.awaitingReady, .level), (.awaitingReady, .data): return fail(.unexpectedMessage)

    case (.wrapping, .levelWrapped): return .send(.protectionLevel(token: Self.token))
    case (.wrapping, .levelWrapFails), (.unwrapping, .levelUnwrapFails): return fail(.protectionFailed)

    case (.awaitingLevel, .level): return .unwrapProtectionLevel(token: Self.token)
    case (.awaitingLevel, .token), (.awaitingLevel, .emptyToken), (.awaitingLevel, .data):
      return fail(.unexpectedMessage)
    case (.unwrapping, .levelUnwrapped): return .protect(agreed)
    default: return fail(.internalError)
    }
  }

  @Test(arguments: State.allCases, Event.allCases)
  func everyStateAnswersEveryEvent(state: State, event: Event) throws {
    var machine = Self.machine(in: state)
    let action = Self.apply(event, to: &machine)
    #expect(action == (try Self.expected(state, event)))
    guard case .fail = action else { return }
    for late in Event.allCases {
      #expect(Self.apply(late, to: &machine) == .discard, "\(late) after the end")
    }
  }

  @Test(arguments: State.allCases)
  func tellsWhetherItIsStepping(state: State) {
    #expect(Self.machine(in: state).isStepping == [.stepping, .unwrapping, .wrapping].contains(state))
  }

  @Test(arguments: [1, 2, 5])
  func takesExactlySoManyAuthenticationMessages(maximum: Int) {
    var machine = Machine(configuration: .init(level: .integrity, maximumRounds: maximum))
    _ = machine.begin()
    for _ in 0..<maximum {
      #expect(Self.apply(.stepContinues, to: &machine) == .send(.authentication(token: Self.token)))
      #expect(Self.apply(.token, to: &machine) == .stepContext(token: Self.token))
    }
    #expect(Self.apply(.stepContinues, to: &machine) == .send(.authentication(token: Self.token)))
    #expect(Self.apply(.token, to: &machine) == .fail(SOCKSError(.tooManyRounds)))
  }
}
