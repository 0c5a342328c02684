import NIOCore
import SOCKSCore
import Testing

/// Every state of the client's machine with every event, messages included.
@Suite struct ClientNegotiationTableTests {
  enum State: CaseIterable {
    case ready, awaitingSelection, stepping, awaitingToken, awaitingReady, wrapping, awaitingLevel, unwrapping
    case awaitingPasswordResponse, awaitingReply, awaitingFirstReply, awaitingSecondReply, succeeded, ended
    case abandonedStep
  }

  enum Event: CaseIterable {
    case nothing, selectGSSAPI, selectNone, selectPassword, noneAcceptable, version4
    case token, ready, level, abort, data, passwordTaken, success, refusal
    case connected, stepContinues, stepCompletes, stepCompletesWithToken, stepFails
    case levelWrapped, levelWrapFails, levelUnwrapped, levelUnwrapFails, deadline

    /// The octets, for an event that is a message.
    var octets: [UInt8]? {
      switch self {
      case .nothing: []
      case .selectGSSAPI: [0x05, 0x01]
      case .selectNone: [0x05, 0x00]
      case .selectPassword: [0x05, 0x02]
      case .noneAcceptable: [0x05, 0xff]
      case .version4: [0x00, 0x5a]
      case .token: [0x01, 0x01, 0x00, 0x01, 0x60]
      case .ready: [0x01, 0x01, 0x00, 0x00]
      case .level: [0x01, 0x02, 0x00, 0x01, 0x60]
      case .abort: [0x01, 0xff]
      case .data: [0x01, 0x03, 0x00, 0x01, 0x60]
      case .passwordTaken: [0x01, 0x00]
      case .success: SOCKSReply.successOctets
      case .refusal: [UInt8](hex: "05 02 00 01 00000000 0000")
      case .connected, .stepContinues, .stepCompletes, .stepCompletesWithToken, .stepFails, .levelWrapped,
        .levelWrapFails, .levelUnwrapped, .levelUnwrapFails, .deadline:
        nil
      }
    }
  }

  typealias Action = ClientNegotiation.Action

  static let token = ByteBuffer(0x60)

  static func machine(in state: State) throws -> ClientNegotiation {
    var authentication = ClientNegotiation.Authentication.gssapi(.init(level: .confidentiality))
    var request = SOCKSRequest.connect
    let path: [Event]
    switch state {
    case .ready: path = []
    case .awaitingSelection: path = [.connected]
    case .stepping: path = [.connected, .selectGSSAPI]
    case .awaitingToken: path = [.connected, .selectGSSAPI, .stepContinues]
    case .awaitingReady: path = [.connected, .selectGSSAPI, .stepCompletesWithToken]
    case .wrapping: path = [.connected, .selectGSSAPI, .stepCompletes]
    case .awaitingLevel: path = [.connected, .selectGSSAPI, .stepCompletes, .levelWrapped]
    case .unwrapping: path = [.connected, .selectGSSAPI, .stepCompletes, .levelWrapped, .level]
    case .awaitingReply: path = [.connected, .selectGSSAPI, .stepCompletes, .levelWrapped, .level, .levelUnwrapped]
    case .awaitingFirstReply:
      request = .bind
      path = [.connected, .selectGSSAPI, .stepCompletes, .levelWrapped, .level, .levelUnwrapped]
    case .awaitingSecondReply:
      request = .bind
      path = [.connected, .selectGSSAPI, .stepCompletes, .levelWrapped, .level, .levelUnwrapped, .success]
    case .succeeded:
      path = [.connected, .selectGSSAPI, .stepCompletes, .levelWrapped, .level, .levelUnwrapped, .success]
    case .awaitingPasswordResponse:
      authentication = .usernamePassword(try UsernamePasswordRequest(username: [0x61], password: [0x62]))
      path = [.connected, .selectPassword]
    case .ended: path = [.connected, .noneAcceptable]
    case .abandonedStep: path = [.connected, .selectGSSAPI, .deadline]
    }
    var machine = ClientNegotiation(configuration: .init(authentication: authentication, request: request))
    for event in path { _ = Self.apply(event, to: &machine) }
    return machine
  }

  /// The action, and how many octets of the message were taken.
  static func apply(_ event: Event, to machine: inout ClientNegotiation) -> (Action, taken: Int) {
    if let octets = event.octets {
      var buffer = ByteBuffer(bytes: octets)
      let action = machine.receivedOctets(&buffer)
      return (action, octets.count - buffer.readableBytes)
    }
    let action: Action =
      switch event {
      case .connected: machine.connected()
      case .stepContinues: machine.stepFinished(.continueNeeded(token: Self.token))
      case .stepCompletes: machine.stepFinished(.complete(.strong, token: nil))
      case .stepCompletesWithToken: machine.stepFinished(.complete(.strong, token: Self.token))
      case .stepFails: machine.stepFinished(.failed(SOCKSError(.contextFailed)))
      case .levelWrapped: machine.protectionLevelWrapped(.wrapped(token: Self.token))
      case .levelWrapFails: machine.protectionLevelWrapped(.failed(SOCKSError(.protectionFailed)))
      case .levelUnwrapped: machine.protectionLevelUnwrapped(.unwrapped([0x02], .good(9)))
      case .levelUnwrapFails: machine.protectionLevelUnwrapped(.failed(SOCKSError(.protectionFailed)))
      default: machine.interrupted(SOCKSError(.timedOut))
      }
    return (action, 0)
  }

  static func expected(_ state: State, _ event: Event) throws -> Action {
    func fail(_ code: SOCKSError.Code) -> Action { .fail(SOCKSError(code)) }
    func send(_ hex: String) -> Action { .send(ByteBuffer(bytes: [UInt8](hex: hex))) }

    switch state {
    case .ended, .abandonedStep: return .discard
    case .succeeded:
      if event.octets != nil || event == .deadline { return .discard }
      return fail(.internalError)
    case .ready:
      if event == .connected { return send("05 01 01") }
      if event == .deadline { return fail(.timedOut) }
      return event.octets == nil ? fail(.internalError) : .wait
    case .awaitingSelection, .stepping, .awaitingToken, .awaitingReady, .wrapping, .awaitingLevel, .unwrapping,
      .awaitingPasswordResponse, .awaitingReply, .awaitingFirstReply, .awaitingSecondReply:
      break
    }
    if event == .deadline { return fail(.timedOut) }

    switch (state, event) {
    case (.stepping, .stepContinues), (.stepping, .stepCompletesWithToken): return send("01 01 0001 60")
    case (.stepping, .stepCompletes): return .wrapProtectionLevel(0x02)
    case (.stepping, .stepFails): return fail(.contextFailed)
    case (.wrapping, .levelWrapped): return send("01 02 0001 60")
    case (.wrapping, .levelWrapFails), (.unwrapping, .levelUnwrapFails): return fail(.protectionFailed)
    case (.unwrapping, .levelUnwrapped):
      var incoming = IncomingMessageCheck()
      try incoming.verify(.good(9))
      let agreed = AgreedProtection(
        level: .confidentiality, attributes: .strong, incoming: incoming.at(.confidentiality))
      return .protect(agreed, request: ByteBuffer(bytes: SOCKSRequest.connectOctets))
    default: break
    }
    guard let octets = event.octets else { return fail(.internalError) }
    if [.stepping, .wrapping, .unwrapping].contains(state) { return .wait }
    guard let first = octets.first else { return .readMore }

    switch state {
    case .awaitingSelection:
      guard first == 0x05 else { return fail(.wrongVersion) }
      switch event {
      case .selectGSSAPI: return .stepContext(token: nil)
      case .noneAcceptable: return fail(.noAcceptableMethod)
      default: return fail(.methodNotOffered)
      }
    case .awaitingToken, .awaitingReady, .awaitingLevel:
      if first == 0x05 { return fail(.unprotectedRequest) }
      if event == .version4 { return fail(.wrongVersion) }
      if event == .abort { return fail(state == .awaitingLevel ? .levelNotAcceptable : .abortReceived) }
      switch (state, event) {
      // Type 0 is no message of RFC 1961.
      case (_, .passwordTaken): return fail(.malformedMessage)
      case (.awaitingToken, .token): return .stepContext(token: Self.token)
      case (.awaitingToken, .ready): return fail(.emptyToken)
      case (.awaitingReady, .ready): return .wrapProtectionLevel(0x02)
      case (.awaitingLevel, .level): return .unwrapProtectionLevel(token: Self.token)
      default: return fail(.unexpectedMessage)
      }
    case .awaitingPasswordResponse:
      guard first == 0x01 else { return fail(.wrongVersion) }
      return event == .passwordTaken ? .send(ByteBuffer(bytes: SOCKSRequest.connectOctets)) : fail(.passwordRefused)
    default:
      guard first == 0x05 else { return fail(.wrongVersion) }
      switch event {
      case .success: return state == .awaitingFirstReply ? .announce(.success) : .succeed(.success)
      case .refusal: return fail(.requestRefused)
      default: return .readMore
      }
    }
  }

  @Test(arguments: State.allCases, Event.allCases)
  func everyStateAnswersEveryEvent(state: State, event: Event) throws {
    var machine = try Self.machine(in: state)
    let (action, taken) = Self.apply(event, to: &machine)
    #expect(action == (try Self.expected(state, event)))
    switch action {
    case .wait, .readMore, .discard:
      #expect(taken == 0)
    case .fail:
      #expect(machine.awaited == "nothing")
      // A completion that comes late, or more octets, change nothing: the late context is freed.
      for late in Event.allCases {
        let (action, taken) = Self.apply(late, to: &machine)
        #expect(action == .discard, "\(late) after the end")
        #expect(taken == 0)
      }
    case .send, .stepContext, .wrapProtectionLevel, .unwrapProtectionLevel, .protect, .announce, .succeed:
      break
    }
  }

  /// What an error says was being waited for.
  @Test(
    arguments: [
      (.ready, "the connection"), (.awaitingSelection, "the method selection"), (.stepping, "the Kerberos library"),
      (.awaitingToken, "the authentication answer"), (.awaitingPasswordResponse, "the password answer"),
      (.awaitingReply, "the reply"), (.awaitingFirstReply, "the reply"),
      (.awaitingSecondReply, "the incoming connection"), (.succeeded, "nothing"), (.ended, "nothing"),
    ] as [(State, String)])
  func tellsWhatItAwaits(state: State, awaited: String) throws {
    #expect(try Self.machine(in: state).awaited == awaited)
  }
}
