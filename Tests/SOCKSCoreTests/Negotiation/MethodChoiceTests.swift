import NIOCore
import SOCKSCore
import Testing

/// RFC 1928 section 3, and what comes right after for each method.
@Suite struct MethodChoiceTests {
  static func answer(_ methods: [ServerMethod], to offer: [UInt8]) -> ServerNegotiation.Action {
    var machine = ServerNegotiation(configuration: .init(methods: methods))
    var buffer = ByteBuffer(bytes: [0x05, UInt8(offer.count)] + offer)
    return machine.receivedOctets(&buffer)
  }

  @Test(
    arguments: [
      ([.gssapi(.serving())], [0x01], 0x01),
      ([.gssapi(.serving())], [0x00, 0x01, 0x02], 0x01),
      // The server's order decides, not the client's.
      ([.gssapi(.serving()), .usernamePassword], [0x02, 0x01], 0x01),
      ([.usernamePassword, .gssapi(.serving())], [0x01, 0x02], 0x02),
      ([.noAuthentication, .gssapi(.serving())], [0x01, 0x00], 0x00),
      ([.gssapi(.serving()), .noAuthentication], [0x00], 0x00),
    ] as [([ServerMethod], [UInt8], UInt8)])
  func theServersOrderDecides(methods: [ServerMethod], offer: [UInt8], answer: UInt8) {
    let selection = ByteBuffer(0x05, answer)
    let expected: ServerNegotiation.Action =
      switch answer {
      case 0x00: .selectNoAuthentication(answer: selection)
      case 0x01: .select(.gssapi, answer: selection)
      default: .select(.usernamePassword, answer: selection)
      }
    #expect(Self.answer(methods, to: offer) == expected)
  }

  @Test(
    arguments: [
      ([.gssapi(.serving())], [0x00]), ([.gssapi(.serving())], [0x00, 0x02]), ([.gssapi(.serving())], [0xff]),
      ([], [0x00, 0x01, 0x02]),
    ] as [([ServerMethod], [UInt8])])
  func noneIsAcceptable(methods: [ServerMethod], offer: [UInt8]) {
    #expect(
      Self.answer(methods, to: offer) == .refuse(answer: ByteBuffer(0x05, 0xff), SOCKSError(.noAcceptableMethod)))
  }

  @Test func anOfferOfNothingIsAnsweredToo() {
    #expect(
      Self.answer([.gssapi(.serving())], to: [])
        == .refuse(answer: ByteBuffer(0x05, 0xff), SOCKSError(.malformedMessage)))
  }

  /// Whatever a client offers, only method X'00' leads to a request at once.
  @Test func noMethodLeadsPastAuthentication() {
    for method in [ServerMethod].all {
      for offered in UInt8.min...UInt8.max {
        var machine = ServerNegotiation(configuration: .init(methods: [method]))
        var offer = ByteBuffer(0x05, 0x01, offered)
        _ = machine.receivedOctets(&offer)
        var request = ByteBuffer(bytes: SOCKSRequest.connectOctets)
        let action = machine.receivedOctets(&request)
        #expect((action == .serve(.connect)) == (method == .noAuthentication && offered == 0x00), "\(offered)")
      }
    }
  }

  /// The client takes the one method that it has offered, whatever else the server may like.
  @Test func theClientTakesOnlyItsOwnMethod() throws {
    let password = try UsernamePasswordRequest(username: [0x61], password: [0x62])
    let ways: [(ClientNegotiation.Authentication, UInt8)] = [
      (.none, 0x00), (.gssapi(.init(level: .integrity)), 0x01), (.usernamePassword(password), 0x02),
    ]
    for (authentication, offered) in ways {
      for chosen in UInt8.min...UInt8.max {
        var machine = ClientNegotiation(configuration: .init(authentication: authentication, request: .connect))
        #expect(machine.connected() == .send(ByteBuffer(0x05, 0x01, offered)))
        var buffer = ByteBuffer(0x05, chosen)
        let action = machine.receivedOctets(&buffer)
        if chosen == offered {
          switch offered {
          case 0x00: #expect(action == .send(ByteBuffer(bytes: SOCKSRequest.connectOctets)))
          case 0x01: #expect(action == .stepContext(token: nil))
          default: #expect(action == .send(ByteBuffer(0x01, 0x01, 0x61, 0x01, 0x62)))
          }
        } else {
          #expect(action == .fail(SOCKSError(chosen == 0xff ? .noAcceptableMethod : .methodNotOffered)))
        }
      }
    }
  }

  @Test func onlyConfiguredCommandsAreServed() {
    let served: Set<ServedCommand> = [.connect, .associate]
    for command in UInt8.min...UInt8.max {
      var machine = ServerNegotiation(configuration: .init(methods: [.noAuthentication], commands: served))
      var buffer = ByteBuffer(bytes: [0x05, 0x01, 0x00, 0x05, command] + SOCKSRequest.connectOctets.dropFirst(2))
      _ = machine.receivedOctets(&buffer)
      let action = machine.receivedOctets(&buffer)
      if command == 0x01 || command == 0x03 {
        guard case .serve = action else {
          Issue.record("command \(command) was not served")
          continue
        }
      } else {
        let reply = ByteBuffer(bytes: [UInt8](hex: "05 07 00 01 00000000 0000"))
        #expect(action == .refuse(answer: reply, SOCKSError(.unsupportedCommand)))
      }
    }
  }

  @Test(
    arguments: [
      ("05 01 00 05", "08", .unsupportedAddressType),
      ("05 01 01", "01", .malformedMessage), ("04", "01", .wrongVersion),
    ] as [(String, String, SOCKSError.Code)])
  func aBadRequestIsAnswered(request: String, reply: String, code: SOCKSError.Code) {
    var machine = ServerNegotiation(configuration: .init(methods: [.noAuthentication]))
    var buffer = ByteBuffer(bytes: [UInt8](hex: "05 01 00" + request))
    _ = machine.receivedOctets(&buffer)
    let answer = ByteBuffer(bytes: [UInt8](hex: "05 \(reply) 00 01 00000000 0000"))
    #expect(machine.receivedOctets(&buffer) == .refuse(answer: answer, SOCKSError(code)))
  }

  @Test(
    arguments: [
      (.unsupportedCommand, .commandNotSupported), (.unsupportedAddressType, .addressTypeNotSupported),
      (.malformedName, .hostUnreachable), (.malformedMessage, .generalFailure), (.internalError, .generalFailure),
    ] as [(SOCKSError.Code, SOCKSReplyCode)])
  func everyUnreadableRequestHasAReplyCode(error: SOCKSError.Code, code: SOCKSReplyCode) {
    #expect(SOCKSReplyCode(refusing: error) == code)
  }
}
