import NIOCore
import SOCKSCore
import Testing

/// RFC 1961 section 4: what is asked for, what is allowed here, what the context can do, and the answer.
@Suite struct LevelAnswerTests {
  static let sets: [Set<ProtectionLevel>] = [
    [], [.integrity], [.confidentiality], [.selective], [.integrity, .confidentiality], [.integrity, .selective],
    [.confidentiality, .selective], [.integrity, .confidentiality, .selective],
  ]

  /// The level that a server answers with, row by row as in the specification; 0 is an abort.
  ///
  /// "asked 1: answer 1, else 2; asked 2: answer 2; asked 3: answer 3, else 2; whichever is allowed"
  static let answers: [(asked: UInt8, allowed: Set<UInt8>, answer: UInt8)] = [
    (1, [], 0), (1, [1], 1), (1, [2], 2), (1, [3], 0), (1, [1, 2], 1), (1, [1, 3], 1), (1, [2, 3], 2),
    (1, [1, 2, 3], 1),
    (2, [], 0), (2, [1], 0), (2, [2], 2), (2, [3], 0), (2, [1, 2], 2), (2, [1, 3], 0), (2, [2, 3], 2),
    (2, [1, 2, 3], 2),
    (3, [], 0), (3, [1], 0), (3, [2], 2), (3, [3], 3), (3, [1, 2], 2), (3, [1, 3], 3), (3, [2, 3], 3),
    (3, [1, 2, 3], 3),
  ]

  static func acceptor(
    levels: Set<ProtectionLevel>, attributes: SecurityContextAttributes = .strong
  ) -> GSSAcceptorSubnegotiation {
    var machine = GSSAcceptorSubnegotiation(configuration: .serving(levels: levels))
    _ = machine.receivedMessage(.authentication(token: ByteBuffer(0x60)))
    _ = machine.stepFinished(.complete(attributes, token: nil))
    _ = machine.receivedMessage(.protectionLevel(token: ByteBuffer(0x60)))
    return machine
  }

  static func initiator(
    _ configuration: GSSInitiatorSubnegotiation.Configuration, attributes: SecurityContextAttributes = .strong
  ) -> GSSInitiatorSubnegotiation {
    var machine = GSSInitiatorSubnegotiation(configuration: configuration)
    _ = machine.begin()
    _ = machine.stepFinished(.complete(attributes, token: nil))
    _ = machine.protectionLevelWrapped(.wrapped(token: ByteBuffer(0x60)))
    _ = machine.receivedMessage(.protectionLevel(token: ByteBuffer(0x60)))
    return machine
  }

  @Test(arguments: Self.answers)
  func theServerAnswers(asked: UInt8, allowed: Set<UInt8>, answer: UInt8) {
    let levels = Set(allowed.compactMap(ProtectionLevel.init(rawValue:)))
    var machine = Self.acceptor(levels: levels)
    let action = machine.protectionLevelUnwrapped(.unwrapped([asked], .good(1)))
    #expect(action == (answer == 0 ? .abort(SOCKSError(.levelNotAcceptable)) : .wrapProtectionLevel(answer)))
  }

  @Test(arguments: Self.answers)
  func withoutConfidentialityOnlyLevel1IsAllowed(asked: UInt8, allowed: Set<UInt8>, answer: UInt8) {
    let levels = Set(allowed.compactMap(ProtectionLevel.init(rawValue:)))
    var machine = Self.acceptor(levels: levels, attributes: .withoutConfidentiality)
    let action = machine.protectionLevelUnwrapped(.unwrapped([asked], .good(1)))
    let isPossible = asked == 1 && allowed.contains(1)
    #expect(action == (isPossible ? .wrapProtectionLevel(1) : .abort(SOCKSError(.levelNotAcceptable))))
  }

  @Test func theServerRefusesEveryOtherValue() {
    for value in UInt8.min...UInt8.max where !(1...3).contains(value) {
      var machine = Self.acceptor(levels: Set(ProtectionLevel.allCases))
      #expect(
        machine.protectionLevelUnwrapped(.unwrapped([value], .good(1)))
          == .abort(SOCKSError(value == 0 ? .levelZero : .invalidLevel)),
        "value \(value)")
    }
  }

  @Test(arguments: [[], [0x02, 0x02], [0x02, 0x00], [0x00, 0x02], [UInt8](repeating: 0x02, count: 65_507)])
  func oneOctetIsALevelAndNothingElse(octets: [UInt8]) {
    let outcome = UnwrapOutcome.good(1, length: octets.count)
    var acceptor = Self.acceptor(levels: Set(ProtectionLevel.allCases))
    #expect(acceptor.protectionLevelUnwrapped(.unwrapped(octets, outcome)) == .abort(SOCKSError(.invalidLevel)))
    var initiator = Self.initiator(.init(level: .confidentiality))
    #expect(initiator.protectionLevelUnwrapped(.unwrapped(octets, outcome)) == .fail(SOCKSError(.invalidLevel)))
  }

  /// `gss_unwrap` succeeds with these bits; on a level message they mean that somebody replays.
  @Test(arguments: [.duplicate, .old, .unsequenced, .gap, .other] as [UnwrapOutcome.Status])
  func aLevelTokenWithAnyReservationIsRefused(status: UnwrapOutcome.Status) {
    let outcome = UnwrapOutcome.good(1, status: status)
    var acceptor = Self.acceptor(levels: Set(ProtectionLevel.allCases))
    guard case .abort = acceptor.protectionLevelUnwrapped(.unwrapped([0x02], outcome)) else {
      Issue.record("the server took it")
      return
    }
    var initiator = Self.initiator(.init(level: .confidentiality))
    guard case .fail = initiator.protectionLevelUnwrapped(.unwrapped([0x02], outcome)) else {
      Issue.record("the client took it")
      return
    }
  }

  @Test(arguments: [true, false])
  func aLevelTokenMayBeSealed(isConfidential: Bool) {
    let outcome = UnwrapOutcome.good(1, isConfidential: isConfidential)
    var acceptor = Self.acceptor(levels: Set(ProtectionLevel.allCases))
    #expect(acceptor.protectionLevelUnwrapped(.unwrapped([0x02], outcome)) == .wrapProtectionLevel(0x02))
    var initiator = Self.initiator(.init(level: .confidentiality))
    guard case .protect = initiator.protectionLevelUnwrapped(.unwrapped([0x02], outcome)) else {
      Issue.record("the client refused it")
      return
    }
  }

  /// "If the server's choice of protection level is unacceptable to the client, then the client must close".
  @Test(arguments: ProtectionLevel.allCases)
  func theClientTakesNoWeakerAnswer(asked: ProtectionLevel) {
    let acceptable: Set<UInt8>
    switch asked {
    case .integrity: acceptable = [1, 2]
    case .confidentiality: acceptable = [2]
    case .selective: acceptable = [2, 3]
    }
    for answer in UInt8.min...UInt8.max {
      var machine = Self.initiator(.init(level: asked))
      let action = machine.protectionLevelUnwrapped(.unwrapped([answer], .good(1)))
      if case .protect(let agreed) = action {
        #expect(acceptable.contains(answer) && agreed.level.rawValue == answer)
        #expect(agreed.incoming.level == agreed.level)
      } else {
        #expect(!acceptable.contains(answer) && action == .fail(SOCKSError(.levelNotAcceptable)))
      }
    }
  }

  @Test(arguments: Self.sets)
  func theClientTakesWhatItIsTold(acceptable: Set<ProtectionLevel>) {
    for answer in ProtectionLevel.allCases {
      var machine = Self.initiator(.init(level: .integrity, acceptableLevels: acceptable))
      let action = machine.protectionLevelUnwrapped(.unwrapped([answer.rawValue], .good(1)))
      if case .protect = action {
        #expect(acceptable.contains(answer))
      } else {
        #expect(!acceptable.contains(answer) && action == .fail(SOCKSError(.levelNotAcceptable)))
      }
    }
  }

  /// A context that cannot seal cannot keep level 2 or 3, whoever chose it.
  @Test func theClientTakesNoLevelThatItsContextCannotKeep() {
    for answer in ProtectionLevel.allCases {
      var machine = Self.initiator(.init(level: .integrity), attributes: .withoutConfidentiality)
      let action = machine.protectionLevelUnwrapped(.unwrapped([answer.rawValue], .good(1)))
      if case .protect = action {
        #expect(answer == .integrity)
      } else {
        #expect(answer != .integrity && action == .fail(SOCKSError(.levelNotAcceptable)))
      }
    }
  }

  /// Messages after the answer are numbered from the level message on, at the agreed level.
  @Test func theNextMessageFollowsTheLevelMessage() throws {
    var machine = Self.acceptor(levels: [.confidentiality])
    _ = machine.protectionLevelUnwrapped(.unwrapped([0x02], .good(41)))
    guard case .protect(let agreed, _) = machine.protectionLevelWrapped(.wrapped(token: ByteBuffer(0x60))) else {
      Issue.record("no protection")
      return
    }
    var check = agreed.incoming
    #expect(throws: SOCKSError(.replayDetected)) { try check.verify(.good(41, isConfidential: true)) }
    check = agreed.incoming
    #expect(throws: SOCKSError(.outOfSequence)) { try check.verify(.good(43, isConfidential: true)) }
    check = agreed.incoming
    #expect(throws: SOCKSError(.notEncrypted)) { try check.verify(.good(42, isConfidential: false)) }
    check = agreed.incoming
    try check.verify(.good(42, isConfidential: true))
  }
}
