import NIOCore
import SOCKSCore
import Testing

/// Every sequence of server messages, good and bad, against a table written from the RFCs.
@Suite struct ClientModelTests {
  typealias Effect = ServerModelTests.Effect

  /// What a server may send.
  enum Message: CaseIterable {
    case selectGSSAPI, selectNone, noneAcceptable, version4
    case token, otherToken, ready
    case level1, level2, level3, level0, levelOfTwoOctets, level2Sealed, level2InClear
    case replySealed, replySigned, replyInClear, refusalSealed
    case nothingSealed, zeroLength, repeated, skipped, abort

    /// The octets; tokens carry the server's next number.
    func octets(number: UInt64) -> [UInt8] {
      func wrap(_ type: UInt8, _ plaintext: [UInt8], _ number: UInt64, isSealed: Bool) -> [UInt8] {
        FakeToken.message(
          type: type, token: FakeToken.wrap(plaintext, from: .server, number: number, isSealed: isSealed).octets)
      }
      switch self {
      case .selectGSSAPI: return [0x05, 0x01]
      case .selectNone: return [0x05, 0x00]
      case .noneAcceptable: return [0x05, 0xff]
      case .version4: return [0x04, 0x01]
      case .token: return [0x01, 0x01, 0x00, 0x02, 0x53, 0x01]
      case .otherToken: return [0x01, 0x01, 0x00, 0x02, 0x53, 0x09]
      case .ready: return [0x01, 0x01, 0x00, 0x00]
      case .level1: return wrap(0x02, [1], number, isSealed: false)
      case .level2: return wrap(0x02, [2], number, isSealed: false)
      case .level3: return wrap(0x02, [3], number, isSealed: false)
      case .level0: return wrap(0x02, [0], number, isSealed: false)
      case .levelOfTwoOctets: return wrap(0x02, [2, 2], number, isSealed: false)
      case .level2Sealed: return wrap(0x02, [2], number, isSealed: true)
      case .level2InClear: return [0x01, 0x02, 0x00, 0x01, 0x02]
      case .replySealed: return wrap(0x03, SOCKSReply.successOctets, number, isSealed: true)
      case .replySigned: return wrap(0x03, SOCKSReply.successOctets, number, isSealed: false)
      case .replyInClear: return SOCKSReply.successOctets
      case .refusalSealed: return wrap(0x03, ClientModelTests.refusal, number, isSealed: true)
      case .nothingSealed: return wrap(0x03, [], number, isSealed: true)
      case .zeroLength: return [0x01, 0x03, 0x00, 0x00]
      case .repeated: return wrap(0x03, SOCKSReply.successOctets, number - 1, isSealed: true)
      case .skipped: return wrap(0x03, SOCKSReply.successOctets, number + 1, isSealed: true)
      case .abort: return [0x01, 0xff]
      }
    }
  }

  static let refusal: [UInt8] = [0x05, 0x02, 0x00, 0x01, 0, 0, 0, 0, 0, 0]

  // MARK: The table

  enum Phase: Hashable {
    case selection, token, level
    case reply(level: UInt8), secondReply(level: UInt8), data(level: UInt8)
    case closed
  }

  /// What a client that has asked for a level does with a message, and where it is then.
  static func reference(
    asked: UInt8, _ command: SOCKSCommand, _ phase: Phase, _ message: Message
  ) -> ([Effect], Phase) {
    let close: ([Effect], Phase) = ([.closed], .closed)
    func agreed(_ level: UInt8) -> ([Effect], Phase) {
      // No weaker level, and 3 only when it was asked for.
      guard level == asked || level == 2 else { return close }
      let request = command == .bind ? SOCKSRequest.bindOctets : SOCKSRequest.connectOctets
      return ([.protected(request)], .reply(level: level))
    }
    /// A first reply is told of, a last one opens the way for data.
    func replied(_ level: UInt8, isFirst: Bool) -> ([Effect], Phase) {
      isFirst ? ([.announced], .secondReply(level: level)) : ([.served], .data(level: level))
    }
    switch phase {
    case .closed:
      return ([], .closed)
    case .selection:
      return message == .selectGSSAPI ? ([.clear([0x01, 0x01, 0x00, 0x02, 0x43, 0x01])], .token) : close
    case .token:
      guard message == .token else { return close }
      let token = FakeToken.wrap([asked], from: .client, number: 3_000, isSealed: false).octets
      return ([.clear([0x01, 0x02, 0x00, 0x0c] + token)], .level)
    case .level:
      switch message {
      case .level1: return agreed(1)
      case .level2, .level2Sealed: return agreed(2)
      case .level3: return agreed(3)
      default: return close
      }
    case .reply(let level), .secondReply(let level):
      let isFirst = command == .bind && phase == .reply(level: level)
      switch message {
      case .replySealed: return replied(level, isFirst: isFirst)
      case .replySigned: return level == 2 ? close : replied(level, isFirst: isFirst)
      case .nothingSealed: return ([], phase)
      default: return close
      }
    case .data(let level):
      switch message {
      case .replySealed: return ([.data(SOCKSReply.successOctets)], phase)
      case .replySigned: return level == 2 ? close : ([.data(SOCKSReply.successOctets)], phase)
      case .refusalSealed: return ([.data(Self.refusal)], phase)
      case .nothingSealed: return ([], phase)
      default: return close
      }
    }
  }

  // MARK: The walk

  struct Walk {
    let asked: ProtectionLevel
    let request: SOCKSRequest
    var driver: ClientDriver
    var phase = Phase.selection
    var number: UInt64 = 5_000
    var path: [Message] = []

    init(asked: ProtectionLevel, request: SOCKSRequest = .connect) {
      self.asked = asked
      self.request = request
      self.driver = ClientDriver(.init(authentication: .gssapi(.init(level: asked)), request: request))
      self.driver.connect()
    }

    /// Sends one message; false when the machine and the table differ.
    mutating func send(_ message: Message) -> Bool {
      self.path.append(message)
      self.driver.receive(message.octets(number: self.number))
      self.number += 1
      let (effects, next) = ClientModelTests.reference(
        asked: self.asked.rawValue, self.request.command, self.phase, message)
      self.phase = next
      return self.driver.takeOutputs().map(Effect.init) == effects && self.driver.isClosed == (next == .closed)
    }
  }

  /// All sequences that go on from here; their number.
  private static func explore(_ walk: Walk, depth: Int, failures: inout [[Message]]) -> Int {
    guard depth > 0 else { return 1 }
    var count = 0
    for message in Message.allCases {
      var next = walk
      if !next.send(message) { failures.append(next.path) }
      count += Self.explore(next, depth: depth - 1, failures: &failures)
    }
    return count
  }

  @Test func theClientSpeaksFirst() {
    var walk = Walk(asked: .confidentiality)
    let outputs = walk.driver.takeOutputs()
    #expect(outputs == [.clear([0x05, 0x01, 0x01])])
  }

  @Test(arguments: ProtectionLevel.allCases)
  func everySequenceOf3MessagesAgreesWithTheTable(asked: ProtectionLevel) {
    var walk = Walk(asked: asked)
    _ = walk.driver.takeOutputs()
    var failures: [[Message]] = []
    let count = Self.explore(walk, depth: 3, failures: &failures)
    #expect(count == 23 * 23 * 23)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  @Test(arguments: ProtectionLevel.allCases)
  func everySequenceOf3MessagesAfterTheContextAgrees(asked: ProtectionLevel) {
    var walk = Walk(asked: asked)
    _ = walk.driver.takeOutputs()
    var failures: [[Message]] = []
    for message in [.selectGSSAPI, .token] as [Message] where !walk.send(message) { failures.append(walk.path) }
    _ = Self.explore(walk, depth: 3, failures: &failures)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }
  /// BIND's two replies, and the data behind them.
  @Test(arguments: ProtectionLevel.allCases)
  func everySequenceOf3MessagesAfterABindRequestAgrees(asked: ProtectionLevel) {
    var walk = Walk(asked: asked, request: .bind)
    _ = walk.driver.takeOutputs()
    var failures: [[Message]] = []
    let level: Message = asked == .integrity ? .level1 : asked == .selective ? .level3 : .level2
    for message in [.selectGSSAPI, .token, level] as [Message] where !walk.send(message) { failures.append(walk.path) }
    _ = Self.explore(walk, depth: 3, failures: &failures)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }
}
