import SOCKSCore
import Testing

@Suite struct IncomingMessageCheckTests {
  /// A check that has seen its first token, number 100.
  static func begun(at level: ProtectionLevel = .integrity) throws -> IncomingMessageCheck {
    var check = IncomingMessageCheck()
    try check.verify(.good(100))
    return check.at(level)
  }

  @Test(
    arguments: [
      (.duplicate, .replayDetected), (.old, .replayDetected), (.unsequenced, .outOfSequence),
      (.gap, .outOfSequence), (.other, .protectionFailed), ([.duplicate, .gap], .replayDetected),
      ([.old, .unsequenced], .replayDetected), ([.unsequenced, .other], .outOfSequence),
    ] as [(UnwrapOutcome.Status, SOCKSError.Code)])
  func everyStatusBitEndsTheSession(status: UnwrapOutcome.Status, code: SOCKSError.Code) throws {
    for number in [101, nil] as [UInt64?] {
      // The number itself is right, or there is none.
      var check = number == nil ? IncomingMessageCheck() : try Self.begun()
      #expect(throws: SOCKSError(code)) { try check.verify(.good(number, status: status)) }
    }
  }

  @Test func everyCombinationOfStatusBitsEndsTheSession() throws {
    for rawValue in UInt8(1)...UInt8.max {
      var check = try Self.begun()
      #expect(throws: SOCKSError.self, "status \(rawValue)") {
        try check.verify(.good(101, status: .init(rawValue: rawValue)))
      }
    }
  }

  @Test(arguments: [0, 1, 99, 100])
  func aLateOrRepeatedNumberIsRefused(number: UInt64) throws {
    var check = try Self.begun()
    #expect(throws: SOCKSError(.replayDetected)) { try check.verify(.good(number)) }
  }

  @Test(arguments: [102, 103, 1_000_000, .max])
  func aMissingNumberIsRefused(number: UInt64) throws {
    var check = try Self.begun()
    #expect(throws: SOCKSError(.outOfSequence)) { try check.verify(.good(number)) }
  }

  @Test func aSwapIsRefusedAtItsFirstMessage() throws {
    var check = try Self.begun()
    try check.verify(.good(101))
    #expect(throws: SOCKSError(.outOfSequence)) { try check.verify(.good(103)) }
  }

  @Test func exactlyTheNextNumberIsTaken() throws {
    var check = try Self.begun()
    for number in UInt64(101)...1_100 { try check.verify(.good(number)) }
    #expect(throws: SOCKSError(.replayDetected)) { try check.verify(.good(1_100)) }
  }

  @Test(arguments: [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, .max - 2])
  func theFirstTokenSetsTheNumber(first: UInt64) throws {
    var check = IncomingMessageCheck()
    try check.verify(.good(first))
    try check.verify(.good(first + 1))
    #expect(throws: SOCKSError(.replayDetected)) { try check.verify(.good(first + 1)) }
  }

  @Test func numbersDoNotBeginAgain() throws {
    var check = IncomingMessageCheck()
    try check.verify(.good(.max - 1))
    #expect(throws: SOCKSError(.outOfSequence)) { try check.verify(.good(.max)) }
    check = IncomingMessageCheck()
    #expect(throws: SOCKSError(.outOfSequence)) { try check.verify(.good(.max)) }
  }

  @Test func aMechanismWithoutNumbersIsJudgedByTheLibrary() throws {
    var check = IncomingMessageCheck()
    for _ in 0..<10 { try check.verify(.good(nil)) }
    #expect(throws: SOCKSError(.outOfSequence)) { try check.verify(.good(nil, status: .gap)) }
  }

  @Test func numberingDoesNotComeOrGo() throws {
    var numbered = try Self.begun()
    #expect(throws: SOCKSError(.protectionFailed)) { try numbered.verify(.good(nil)) }
    var unnumbered = IncomingMessageCheck()
    try unnumbered.verify(.good(nil))
    #expect(throws: SOCKSError(.protectionFailed)) { try unnumbered.verify(.good(1)) }
  }

  /// "if protection level 2 is agreed then conf_req_flag MUST always be TRUE" (RFC 1961 section 5)
  @Test(arguments: ProtectionLevel.allCases, [true, false])
  func onlyLevel2DemandsConfidentiality(level: ProtectionLevel, isConfidential: Bool) throws {
    var check = try Self.begun(at: level)
    if level == .confidentiality, !isConfidential {
      #expect(throws: SOCKSError(.notEncrypted)) {
        try check.verify(.good(101, isConfidential: isConfidential))
      }
    } else {
      try check.verify(.good(101, isConfidential: isConfidential))
    }
  }

  @Test func confidentialityIsDemandedOfEveryMessage() throws {
    var check = try Self.begun(at: .confidentiality)
    for number in UInt64(101)..<200 { try check.verify(.good(number, isConfidential: true)) }
    #expect(throws: SOCKSError(.notEncrypted)) { try check.verify(.good(200, isConfidential: false)) }
  }

  @Test func confidentialityIsDemandedOfEmptyMessagesToo() throws {
    var check = try Self.begun(at: .confidentiality)
    #expect(throws: SOCKSError(.notEncrypted)) { try check.verify(.good(101, length: 0)) }
  }

  @Test func aThousandEmptyMessagesAreTakenAndNoMore() throws {
    var check = try Self.begun()
    var number: UInt64 = 101
    for _ in 0..<1_000 {
      try check.verify(.good(number, length: 0))
      number += 1
    }
    var full = check
    #expect(throws: SOCKSError(.tooManyEmptyMessages)) { try full.verify(.good(number, length: 0)) }
    // One octet of data begins the count again.
    try check.verify(.good(number, length: 1))
    number += 1
    for _ in 0..<1_000 {
      try check.verify(.good(number, length: 0))
      number += 1
    }
    #expect(throws: SOCKSError(.tooManyEmptyMessages)) { try check.verify(.good(number, length: 0)) }
  }

  @Test func theLevelIsSetOnceItIsAgreed() throws {
    #expect(IncomingMessageCheck().level == nil)
    #expect(try Self.begun(at: .selective).level == .selective)
  }
}
