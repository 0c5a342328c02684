import NIOCore
import SOCKSCore
import Testing

/// Every sequence of client messages, good and bad, against a table written from the RFCs.
@Suite struct ServerModelTests {
  /// What a client may send.
  enum Message: CaseIterable {
    case offerGSSAPI, offerOthers, offerNothing, version4
    case token, emptyToken, garbageToken
    case level1, level2, level3, level0, level9, levelOfTwoOctets, level2Sealed, level2InClear, level0InClear,
      levelAsType1
    case requestSealed, requestSigned, requestInClear, requestUnsupported
    case dataSealed, nothingSealed, zeroLength, repeated, skipped, abort, unknownType

    /// The octets; tokens carry the client's next number.
    func octets(number: UInt64) -> [UInt8] {
      func wrap(_ plaintext: [UInt8], _ number: UInt64, isSealed: Bool) -> [UInt8] {
        FakeToken.wrap(plaintext, from: .client, number: number, isSealed: isSealed).octets
      }
      func level(_ octets: [UInt8], isSealed: Bool = false) -> [UInt8] {
        FakeToken.message(type: 0x02, token: wrap(octets, number, isSealed: isSealed))
      }
      func data(_ octets: [UInt8], _ number: UInt64, isSealed: Bool = true) -> [UInt8] {
        FakeToken.message(type: 0x03, token: wrap(octets, number, isSealed: isSealed))
      }
      switch self {
      case .offerGSSAPI: return [0x05, 0x02, 0x00, 0x01]
      case .offerOthers: return [0x05, 0x02, 0x00, 0x02]
      case .offerNothing: return [0x05, 0x00]
      case .version4: return [0x04, 0x01, 0x01]
      case .token: return [0x01, 0x01, 0x00, 0x02, 0x43, 0x01]
      case .emptyToken: return [0x01, 0x01, 0x00, 0x00]
      case .garbageToken: return [0x01, 0x01, 0x00, 0x02, 0x99, 0x99]
      case .level1: return level([1])
      case .level2: return level([2])
      case .level3: return level([3])
      case .level0: return level([0])
      case .level9: return level([9])
      case .levelOfTwoOctets: return level([2, 2])
      case .level2Sealed: return level([2], isSealed: true)
      case .level2InClear: return [0x01, 0x02, 0x00, 0x01, 0x02]
      case .level0InClear: return [0x01, 0x02, 0x00, 0x01, 0x00]
      case .levelAsType1: return FakeToken.message(type: 0x01, token: wrap([2], number, isSealed: false))
      case .requestSealed: return data(SOCKSRequest.connectOctets, number)
      case .requestSigned: return data(SOCKSRequest.connectOctets, number, isSealed: false)
      case .requestInClear: return SOCKSRequest.connectOctets
      case .requestUnsupported: return data(ServerModelTests.bindOctets, number)
      case .dataSealed: return data([0x47, 0x45, 0x54], number)
      case .nothingSealed: return data([], number)
      case .zeroLength: return [0x01, 0x03, 0x00, 0x00]
      case .repeated: return data(SOCKSRequest.connectOctets, number - 1)
      case .skipped: return data(SOCKSRequest.connectOctets, number + 1)
      case .abort: return [0x01, 0xff]
      case .unknownType: return [0x01, 0x04, 0x00, 0x00]
      }
    }
  }

  static let bindOctets: [UInt8] = [0x05, 0x02] + SOCKSRequest.connectOctets.dropFirst(2)

  /// What the peer and the target can see; why a connection was closed is not compared.
  enum Effect: Hashable {
    case clear([UInt8])
    case protected([UInt8])
    case announced
    case served
    case data([UInt8])
    case closed

    init(_ output: PeerOutput) {
      switch output {
      case .clear(let octets): self = .clear(octets)
      case .protected(let octets): self = .protected(octets)
      case .announced: self = .announced
      case .served, .succeeded: self = .served
      case .data(let octets): self = .data(octets)
      case .closed: self = .closed
      }
    }
  }

  // MARK: The table

  enum Phase: Hashable {
    case method, token, level
    case request(level: UInt8), relay(level: UInt8)
    /// By the switch `unprotected` only. Undecided: what came may be the beginning of a request.
    case requestInClear, relayInClear, undecided
    case closed
  }

  /// What a server does with a message, and where it is then.
  static func reference(
    _ phase: Phase, _ message: Message, _ number: UInt64, _ switches: Set<CompatibilitySwitch>
  ) -> ([Effect], Phase) {
    let abort: ([Effect], Phase) = ([.clear([0x01, 0xff]), .closed], .closed)
    let close: ([Effect], Phase) = ([.closed], .closed)
    func failure(_ code: UInt8) -> ([Effect], Phase) {
      ([.protected([0x05, code, 0x00, 0x01, 0, 0, 0, 0, 0, 0]), .closed], .closed)
    }
    func agreed(_ level: UInt8) -> ([Effect], Phase) {
      let token = FakeToken.wrap([level], from: .server, number: 7_000, isSealed: false).octets
      return ([.clear([0x01, 0x02, 0x00, 0x0c] + token)], .request(level: level))
    }
    let served: [Effect] = [.served, .protected(SOCKSReply.successOctets)]

    switch phase {
    case .closed:
      return ([], .closed)
    case .method:
      switch message {
      case .offerGSSAPI: return ([.clear([0x05, 0x01])], .token)
      // A request in clear begins like an offer of method X'00'.
      case .offerOthers, .offerNothing, .requestInClear: return ([.clear([0x05, 0xff]), .closed], .closed)
      // Refused in SOCKS4's own words.
      case .version4: return ([.clear([0x00, 0x5b, 0, 0, 0, 0, 0, 0]), .closed], .closed)
      default: return close
      }
    case .token:
      return message == .token ? ([.clear([0x01, 0x01, 0x00, 0x02, 0x53, 0x01])], .level) : abort
    case .level where switches.contains(.unprotected):
      let token = FakeToken.wrap([0], from: .server, number: 7_000, isSealed: false).octets
      switch message {
      case .level0, .level1, .level2, .level3, .level2Sealed:
        return ([.clear([0x01, 0x02, 0x00, 0x0c] + token)], .requestInClear)
      case .level2InClear, .level0InClear:
        return switches.contains(.nec) ? ([.clear([0x01, 0x02, 0x00, 0x01, 0x00])], .requestInClear) : abort
      // No level message at all.
      case .requestInClear, .offerGSSAPI, .offerOthers, .offerNothing:
        return Self.reference(.requestInClear, message, number, switches)
      default: return abort
      }
    case .level:
      switch message {
      case .level2InClear where switches.contains(.nec):
        return ([.clear([0x01, 0x02, 0x00, 0x01, 0x02])], .request(level: 2))
      case .level1: return agreed(1)
      case .level2, .level2Sealed: return agreed(2)
      case .level3: return agreed(3)
      default: return abort
      }
    case .requestInClear:
      func failure(_ code: UInt8) -> ([Effect], Phase) {
        ([.clear([0x05, code, 0x00, 0x01, 0, 0, 0, 0, 0, 0]), .closed], .closed)
      }
      switch message {
      case .requestInClear: return ([.served, .clear(SOCKSReply.successOctets)], .relayInClear)
      case .offerGSSAPI, .offerNothing: return ([], .undecided)
      case .offerOthers: return failure(0x08)
      default: return failure(0x01)
      }
    case .relayInClear:
      return ([.data(message.octets(number: number))], phase)
    case .undecided:
      return ([], phase)
    case .request(let level):
      switch message {
      case .requestSealed: return (served, .relay(level: level))
      case .requestSigned: return level == 2 ? close : (served, .relay(level: level))
      case .requestUnsupported: return failure(0x07)
      case .dataSealed: return failure(0x01)
      case .nothingSealed: return ([], phase)
      default: return close
      }
    case .relay(let level):
      switch message {
      case .requestSealed: return ([.data(SOCKSRequest.connectOctets)], phase)
      case .requestSigned: return level == 2 ? close : ([.data(SOCKSRequest.connectOctets)], phase)
      case .requestUnsupported: return ([.data(Self.bindOctets)], phase)
      case .dataSealed: return ([.data([0x47, 0x45, 0x54])], phase)
      case .nothingSealed: return ([], phase)
      default: return close
      }
    }
  }

  // MARK: The walk

  struct Walk {
    let switches: Set<CompatibilitySwitch>
    var driver: ServerDriver
    var phase = Phase.method
    var number: UInt64 = 5_000
    var path: [Message] = []

    init(_ switches: Set<CompatibilitySwitch> = []) {
      self.switches = switches
      self.driver = ServerDriver(.init(methods: [.gssapi(.serving(compatibility: switches))]))
    }

    /// Sends one message; false when the machine and the table differ.
    mutating func send(_ message: Message) -> Bool {
      // What comes behind the beginning of a request is a matter of the request's own tests.
      guard self.phase != .undecided else { return true }
      self.path.append(message)
      self.driver.receive(message.octets(number: self.number))
      let (effects, next) = ServerModelTests.reference(self.phase, message, self.number, self.switches)
      self.number += 1
      self.phase = next
      return self.driver.takeOutputs().map(Effect.init) == effects && self.driver.isClosed == (next == .closed)
    }
  }

  /// All sequences that go on from here; their number.
  private static func explore(
    _ walk: Walk, alphabet: [Message] = Message.allCases, depth: Int, failures: inout [[Message]]
  ) -> Int {
    guard depth > 0 else { return 1 }
    var count = 0
    for message in alphabet {
      var next = walk
      if !next.send(message) { failures.append(next.path) }
      count += Self.explore(next, alphabet: alphabet, depth: depth - 1, failures: &failures)
    }
    return count
  }

  /// Without those that say the same a second time, to keep this short.
  static let shorterAlphabet = Message.allCases.filter { message in
    ![.version4, .level0, .level0InClear, .levelOfTwoOctets, .level2Sealed, .levelAsType1, .skipped, .unknownType]
      .contains(message)
  }

  @Test func everySequenceOf4MessagesAgreesWithTheTable() {
    var failures: [[Message]] = []
    let count = Self.explore(Walk(), alphabet: Self.shorterAlphabet, depth: 4, failures: &failures)
    #expect(count == 20 * 20 * 20 * 20)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  @Test func everySequenceOf3MessagesAgreesWithTheTable() {
    var failures: [[Message]] = []
    let count = Self.explore(Walk(), depth: 3, failures: &failures)
    #expect(count == 28 * 28 * 28)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  /// Every message after the context, and after that any other one.
  @Test func everySequenceOf2MessagesAfterTheContextAgrees() {
    var walk = Walk()
    var failures: [[Message]] = []
    for message in [.offerGSSAPI, .token] as [Message] where !walk.send(message) { failures.append(walk.path) }
    let count = Self.explore(walk, depth: 2, failures: &failures)
    #expect(count == 28 * 28)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  /// Further on: every sequence of 3 messages after the level is agreed.
  @Test(arguments: [.level1, .level2, .level3, .level2Sealed] as [Message])
  func everySequenceOf3MessagesAfterTheLevelAgrees(level: Message) {
    var walk = Walk()
    var failures: [[Message]] = []
    for message in [.offerGSSAPI, .token, level] as [Message] where !walk.send(message) { failures.append(walk.path) }
    let count = Self.explore(walk, depth: 3, failures: &failures)
    #expect(count == 28 * 28 * 28)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  // MARK: Compatibility switches

  /// After a level in clear there is no number to go on from: the first token's counts, whichever it is.
  static let withoutNumbers = Message.allCases.filter { ![.repeated, .skipped].contains($0) }

  /// Every sequence of 3 messages behind the context, with the switches on.
  @Test(arguments: [[.unprotected], [.nec], [.unprotected, .nec]] as [Set<CompatibilitySwitch>])
  func everySequenceOf3MessagesAgreesWithSwitches(switches: Set<CompatibilitySwitch>) {
    var walk = Walk(switches)
    var failures: [[Message]] = []
    for message in [.offerGSSAPI, .token] as [Message] where !walk.send(message) { failures.append(walk.path) }
    let count = Self.explore(walk, alphabet: Self.withoutNumbers, depth: 3, failures: &failures)
    #expect(count == 26 * 26 * 26)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  /// And from the first octet on: a switch changes nothing before the context is complete.
  @Test(arguments: [[.unprotected], [.nec], [.unprotected, .nec]] as [Set<CompatibilitySwitch>])
  func everySequenceOf3MessagesFromTheStartAgreesWithSwitches(switches: Set<CompatibilitySwitch>) {
    var failures: [[Message]] = []
    _ = Self.explore(Walk(switches), alphabet: Self.withoutNumbers, depth: 3, failures: &failures)
    #expect(failures.isEmpty, "\(failures.count) differ, first \(failures.prefix(3))")
  }

  /// The reference is a table; this says outright what it must not hold.
  @Test(arguments: [[], [.nec]] as [Set<CompatibilitySwitch>])
  func nothingIsServedInClearWithoutTheSwitch(switches: Set<CompatibilitySwitch>) {
    var start = Walk(switches)
    for message in [.offerGSSAPI, .token] as [Message] { _ = start.send(message) }
    for first in Message.allCases {
      for second in Message.allCases {
        var driver = start.driver
        driver.receive(first.octets(number: 5_002))
        driver.receive(second.octets(number: 5_003))
        #expect(driver.unprotected == nil)
        let effects = driver.takeOutputs().map(Effect.init)
        let hasServed = effects.contains(.served)
        #expect(!hasServed || driver.agreed != nil, "\(first), \(second)")
        #expect(!effects.contains(.clear(SOCKSReply.successOctets)), "\(first), \(second)")
      }
    }
  }
}
