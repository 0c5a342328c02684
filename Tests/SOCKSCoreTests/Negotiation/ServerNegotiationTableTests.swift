import NIOCore
import SOCKSCore
import Testing

/// Every state of the server's machine with every event, messages included.
@Suite struct ServerNegotiationTableTests {
  enum State: CaseIterable {
    case awaitingOffer, recognizingProtocol
    case awaitingToken, stepping, awaitingLevel, unwrapping, wrapping
    case awaitingPassword, checkingPassword
    case awaitingRequest, serving, servingBind, listening, relaying, relayingBind
    case ended, abandonedStep, abandonedCheck, abandonedRequest, abandonedBind, abandonedListening
  }

  enum Event: CaseIterable {
    case nothing, offer, token, level, abort, password, request, bind, version4
    case stepCompletes, stepFails, levelUnwrapped, levelUnwrapFails, levelWrapped, levelWrapFails
    case passwordCorrect, passwordWrong, requestSucceeds, requestFails, listens, deadline

    /// The octets, for an event that is a message.
    var octets: [UInt8]? {
      switch self {
      case .nothing: []
      case .offer: [0x05, 0x01, 0x01]
      case .token: [0x01, 0x01, 0x00, 0x01, 0x60]
      case .level: [0x01, 0x02, 0x00, 0x01, 0x60]
      case .abort: [0x01, 0xff]
      // As a message of RFC 1961: an encapsulation that is not complete.
      case .password: [0x01, 0x03, 0x62, 0x6f, 0x62, 0x01, 0x70]
      case .request: SOCKSRequest.connectOctets
      case .bind: SOCKSRequest.bindOctets
      case .version4: [0x04, 0x01, 0x00, 0x50, 0xc0, 0x00, 0x02, 0x01, 0x00]
      case .stepCompletes, .stepFails, .levelUnwrapped, .levelUnwrapFails, .levelWrapped, .levelWrapFails,
        .passwordCorrect, .passwordWrong, .requestSucceeds, .requestFails, .listens, .deadline:
        nil
      }
    }
  }

  typealias Action = ServerNegotiation.Action

  static let token = ByteBuffer(0x60)

  static func machine(in state: State) -> ServerNegotiation {
    var methods: [ServerMethod] = .all
    let path: [Event]
    let agreement: [Event] = [.offer, .token, .stepCompletes, .level, .levelUnwrapped, .levelWrapped]
    switch state {
    case .awaitingOffer, .recognizingProtocol: path = []
    case .awaitingToken: path = [.offer]
    case .stepping: path = [.offer, .token]
    case .awaitingLevel: path = [.offer, .token, .stepCompletes]
    case .unwrapping: path = [.offer, .token, .stepCompletes, .level]
    case .wrapping: path = [.offer, .token, .stepCompletes, .level, .levelUnwrapped]
    case .awaitingRequest: path = agreement
    case .serving: path = agreement + [.request]
    case .servingBind: path = agreement + [.bind]
    case .listening: path = agreement + [.bind, .listens]
    case .relaying: path = agreement + [.request, .requestSucceeds]
    case .relayingBind: path = agreement + [.bind, .listens, .requestSucceeds]
    case .awaitingPassword:
      methods = [.usernamePassword]
      path = []
    case .checkingPassword:
      methods = [.usernamePassword]
      path = [.password]
    case .ended: path = [.version4]
    case .abandonedStep: path = [.offer, .token, .deadline]
    case .abandonedCheck:
      methods = [.usernamePassword]
      path = [.password, .deadline]
    case .abandonedRequest: path = agreement + [.request, .deadline]
    case .abandonedBind: path = agreement + [.bind, .deadline]
    case .abandonedListening: path = agreement + [.bind, .listens, .deadline]
    }
    var machine = ServerNegotiation(configuration: .init(methods: methods, commands: [.connect, .bind]))
    if methods == [.usernamePassword] {
      var offer = ByteBuffer(0x05, 0x01, 0x02)
      _ = machine.receivedOctets(&offer)
    }
    if state == .recognizingProtocol {
      var beginning = ByteBuffer(string: "P")
      _ = machine.receivedOctets(&beginning)
    }
    for event in path { _ = Self.apply(event, to: &machine) }
    return machine
  }

  /// The action, and how many octets of the message were taken.
  static func apply(_ event: Event, to machine: inout ServerNegotiation) -> (Action, taken: Int) {
    if let octets = event.octets {
      var buffer = ByteBuffer(bytes: octets)
      let action = machine.receivedOctets(&buffer)
      return (action, octets.count - buffer.readableBytes)
    }
    let action: Action =
      switch event {
      case .stepCompletes: machine.stepFinished(.complete(.strong, token: Self.token))
      case .stepFails: machine.stepFinished(.failed(SOCKSError(.contextFailed)))
      case .levelUnwrapped: machine.protectionLevelUnwrapped(.unwrapped([0x02], .good(9)))
      case .levelUnwrapFails: machine.protectionLevelUnwrapped(.failed(SOCKSError(.protectionFailed)))
      case .levelWrapped: machine.protectionLevelWrapped(.wrapped(token: Self.token))
      case .levelWrapFails: machine.protectionLevelWrapped(.failed(SOCKSError(.protectionFailed)))
      case .passwordCorrect: machine.passwordChecked(.correct)
      case .passwordWrong: machine.passwordChecked(.refused)
      case .requestSucceeds: machine.requestFinished(.success)
      case .requestFails:
        machine.requestFinished(SOCKSReply(code: .connectionRefused))
      case .listens: machine.announced(SOCKSAddress(.v4(0xCB00_7106), port: 2_000))
      case .nothing, .offer, .token, .level, .abort, .password, .request, .bind, .version4, .deadline:
        machine.interrupted(SOCKSError(.timedOut))
      }
    return (action, 0)
  }

  static func expected(_ state: State, _ event: Event) throws -> Action {
    func refuse(_ hex: String, _ code: SOCKSError.Code) -> Action {
      .refuse(answer: ByteBuffer(bytes: [UInt8](hex: hex)), SOCKSError(code))
    }
    func abort(_ code: SOCKSError.Code) -> Action { refuse("01ff", code) }
    func octets(_ hex: String) -> ByteBuffer { ByteBuffer(bytes: [UInt8](hex: hex)) }
    func generalFailure(_ code: SOCKSError.Code) -> Action { refuse("05 01 00 01 00000000 0000", code) }

    switch state {
    case .ended, .abandonedStep, .abandonedCheck, .abandonedRequest, .abandonedBind, .abandonedListening:
      return .discard

    case .awaitingOffer, .recognizingProtocol:
      switch event {
      case .nothing: return .readMore
      // A BIND request begins like an offer of methods X'00' and X'01'.
      case .offer, .bind: return .select(.gssapi, answer: octets("05 01"))
      // The first three octets of a CONNECT request are an offer of method X'00'.
      case .request: return .selectNoAuthentication(answer: octets("05 00"))
      case .token, .level, .abort, .password: return .close(SOCKSError(.foreignProtocol))
      case .version4: return refuse("00 5b 0000 00000000", .foreignProtocol)
      case .deadline:
        return .close(SOCKSError(state == .awaitingOffer ? .timedOut : .foreignProtocol))
      default: return .close(SOCKSError(.internalError))
      }

    case .awaitingToken, .awaitingLevel:
      switch event {
      case .nothing, .password: return .readMore
      case .offer, .request, .bind: return abort(.unprotectedRequest)
      case .version4: return abort(.wrongVersion)
      case .abort: return abort(.abortReceived)
      case .token: return state == .awaitingToken ? .stepContext(token: Self.token) : abort(.unexpectedMessage)
      case .level:
        return state == .awaitingLevel ? .unwrapProtectionLevel(token: Self.token) : abort(.unexpectedMessage)
      case .deadline: return abort(.timedOut)
      case .passwordCorrect, .passwordWrong, .requestSucceeds, .requestFails, .listens:
        return .close(SOCKSError(.internalError))
      default: return abort(.internalError)
      }

    case .stepping, .unwrapping, .wrapping:
      switch (state, event) {
      case (_, .nothing), (_, .offer), (_, .token), (_, .level), (_, .abort), (_, .password), (_, .request),
        (_, .bind), (_, .version4):
        return .wait
      case (.stepping, .stepCompletes): return .send(octets("01 01 0001 60"))
      case (.stepping, .stepFails): return abort(.contextFailed)
      case (.unwrapping, .levelUnwrapped): return .wrapProtectionLevel(0x02)
      case (.unwrapping, .levelUnwrapFails), (.wrapping, .levelWrapFails): return abort(.protectionFailed)
      case (.wrapping, .levelWrapped):
        var incoming = IncomingMessageCheck()
        try incoming.verify(.good(9))
        let agreed = AgreedProtection(
          level: .confidentiality, attributes: .strong, incoming: incoming.at(.confidentiality))
        return .protect(agreed, answer: ByteBuffer(0x01, 0x02, 0x00, 0x01, 0x60))
      case (_, .deadline): return abort(.timedOut)
      case (_, .passwordCorrect), (_, .passwordWrong), (_, .requestSucceeds), (_, .requestFails), (_, .listens):
        return .close(SOCKSError(.internalError))
      default: return abort(.internalError)
      }

    case .awaitingPassword:
      switch event {
      case .nothing, .abort: return .readMore
      case .password:
        return .checkPassword(try UsernamePasswordRequest(username: [0x62, 0x6f, 0x62], password: [0x70]))
      // ulen 1, a name of one octet, plen 1: the password is complete.
      case .token: return .checkPassword(try UsernamePasswordRequest(username: [0x00], password: [0x60]))
      // ulen 2, plen 0x60: not complete.
      case .level: return .readMore
      case .offer, .request, .bind, .version4: return .close(SOCKSError(.wrongVersion))
      case .deadline: return .close(SOCKSError(.timedOut))
      default: return .close(SOCKSError(.internalError))
      }

    case .checkingPassword:
      switch event {
      case .nothing, .offer, .token, .level, .abort, .password, .request, .bind, .version4: return .wait
      case .passwordCorrect: return .accept(username: [0x62, 0x6f, 0x62], answer: octets("01 00"))
      case .passwordWrong: return refuse("01 01", .passwordRefused)
      case .deadline: return refuse("01 01", .timedOut)
      default: return .close(SOCKSError(.internalError))
      }

    case .awaitingRequest:
      switch event {
      case .nothing: return .readMore
      case .request: return .serve(.connect)
      case .bind: return .serve(.bind)
      // As a request its reserved byte is X'01'.
      case .offer: return generalFailure(.malformedMessage)
      case .token, .level, .abort, .password, .version4: return generalFailure(.wrongVersion)
      case .deadline: return .close(SOCKSError(.timedOut))
      default: return .close(SOCKSError(.internalError))
      }

    case .serving:
      switch event {
      case .nothing, .offer, .token, .level, .abort, .password, .request, .bind, .version4: return .wait
      case .requestSucceeds: return .relay(reply: ByteBuffer(bytes: SOCKSReply.successOctets))
      case .requestFails: return refuse("05 05 00 01 00000000 0000", .requestRefused)
      case .deadline: return .close(SOCKSError(.timedOut))
      default: return .close(SOCKSError(.internalError))
      }

    case .servingBind:
      switch event {
      case .nothing, .offer, .token, .level, .abort, .password, .request, .bind, .version4: return .wait
      case .listens: return .announce(reply: octets("05 00 00 01 cb007106 07d0"))
      case .requestFails: return refuse("05 05 00 01 00000000 0000", .requestRefused)
      case .deadline: return .close(SOCKSError(.timedOut))
      // A success, too: the client would take its address for the one that is listened on.
      default: return .close(SOCKSError(.internalError))
      }

    case .listening:
      switch event {
      case .nothing, .offer, .token, .level, .abort, .password, .request, .bind, .version4: return .readMore
      case .requestSucceeds: return .relay(reply: ByteBuffer(bytes: SOCKSReply.successOctets))
      case .requestFails: return refuse("05 05 00 01 00000000 0000", .requestRefused)
      case .deadline: return .close(SOCKSError(.timedOut))
      default: return .close(SOCKSError(.internalError))
      }

    case .relaying, .relayingBind:
      switch event {
      case .nothing, .offer, .token, .level, .abort, .password, .request, .bind, .version4: return .discard
      case .deadline: return .close(SOCKSError(.timedOut))
      default: return .close(SOCKSError(.internalError))
      }
    }
  }

  @Test(arguments: State.allCases, Event.allCases)
  func everyStateAnswersEveryEvent(state: State, event: Event) throws {
    var machine = Self.machine(in: state)
    let (action, taken) = Self.apply(event, to: &machine)
    #expect(action == (try Self.expected(state, event)))
    switch action {
    case .wait, .readMore, .discard:
      #expect(taken == 0)
    case .refuse, .close:
      #expect(machine.phase == .ended)
      // A completion that comes late, or more octets, change nothing: the late context is freed.
      for late in Event.allCases {
        let (action, taken) = Self.apply(late, to: &machine)
        #expect(action == .discard, "\(late) after the end")
        #expect(taken == 0)
      }
    case .leaveUnprotected:
      Issue.record("a session in clear without the switch")
    case .select, .selectNoAuthentication, .send, .stepContext, .unwrapProtectionLevel, .wrapProtectionLevel, .protect,
      .checkPassword, .accept, .serve, .announce, .relay:
      break
    }
  }

  @Test(
    arguments: [
      (.awaitingOffer, .method), (.awaitingToken, .authentication), (.stepping, .authentication),
      (.awaitingLevel, .level), (.unwrapping, .level), (.wrapping, .level), (.awaitingPassword, .authentication),
      (.checkingPassword, .authentication), (.awaitingRequest, .request), (.serving, .serving),
      (.servingBind, .serving), (.listening, .listening), (.relaying, .relaying), (.relayingBind, .relaying),
      (.ended, .ended), (.abandonedStep, .ended), (.abandonedCheck, .ended), (.abandonedRequest, .ended),
      (.abandonedBind, .ended), (.abandonedListening, .ended),
    ] as [(State, ServerNegotiation.Phase)])
  func tellsItsPhase(state: State, phase: ServerNegotiation.Phase) {
    #expect(Self.machine(in: state).phase == phase)
  }

  @Test func earlyDataIsBoundedWhileBindListens() {
    var machine = Self.machine(in: .listening)
    var buffer = ByteBuffer(repeating: 0x2e, count: ServerNegotiation.maximumEarlyData)
    #expect(machine.receivedOctets(&buffer) == .readMore)
    #expect(buffer.readableBytes == ServerNegotiation.maximumEarlyData)
    buffer.writeInteger(UInt8(0x2e))
    let answer = ByteBuffer(bytes: [UInt8](hex: "05 01 00 01 00000000 0000"))
    #expect(machine.receivedOctets(&buffer) == .refuse(answer: answer, SOCKSError(.unexpectedMessage)))
    #expect(machine.phase == .ended)
  }

  /// The end of a client's stream, with nothing in the buffer or the beginning of a message; and whether a client that
  /// leaves has been kept waiting by this side.
  @Test(arguments: State.allCases, [0, 1])
  func everyStateAnswersTheEndOfTheStream(state: State, unread: Int) {
    for hasBeenSlow in [false, true] {
      var machine = Self.machine(in: state)
      let phase = machine.phase
      let isAuthenticating = phase == .authentication || phase == .level
      let departure: SOCKSError.Code = hasBeenSlow && isAuthenticating ? .stepTimedOut : .connectionClosed
      #expect(machine.departure(hasBeenSlow: hasBeenSlow).code == departure)
      let code = unread == 0 || state == .listening ? departure : .truncated
      var reference = machine
      let action = machine.inputEnded(unread: unread, hasBeenSlow: hasBeenSlow)
      #expect(action == reference.interrupted(SOCKSError(code)))
      #expect(machine.phase == .ended)
    }
  }
}
