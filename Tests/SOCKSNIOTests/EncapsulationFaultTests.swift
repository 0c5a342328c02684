import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct EncapsulationFaultTests {
  /// Five messages of which one is bad, and what comes of it.
  private func expectFault(
    _ code: SOCKSError.Code, level: ProtectionLevel = .confidentiality, at index: Int,
    prepare: (FakeProtection) -> Void = { _ in }, sourceLocation: SourceLocation = #_sourceLocation,
    change: (inout [[UInt8]]) -> Void
  ) throws {
    for (isCoalesced, opensInPlace) in [(true, true), (true, false), (false, true), (false, false)] {
      let harness = try EncapsulationHarness(level: level) { protection in
        protection.opensInPlace = opensInPlace
        prepare(protection)
      }
      var messages = (0..<5).map { harness.peer.encapsulated([UInt8($0)], sealed: level != .integrity) }
      change(&messages)
      let pending = Outcome(harness.write([0xcc]))
      if isCoalesced {
        harness.wire.force(messages.flatMap { $0 })
      } else {
        for message in messages where !message.isEmpty { harness.wire.force(message) }
      }
      #expect(harness.upper.octets == (0..<index).map { UInt8($0) }, sourceLocation: sourceLocation)
      #expect(harness.upper.errors.map(\.code) == [code], sourceLocation: sourceLocation)
      #expect(pending.hasFailed && harness.wire.probe.writes.isEmpty, sourceLocation: sourceLocation)
      #expect(harness.isDead, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [ProtectionLevel.integrity, .confidentiality])
  func missingRepeatedAndSwapped(level: ProtectionLevel) throws {
    for index in [0, 2, 3] {
      try expectFault(.outOfSequence, level: level, at: index) { $0.remove(at: index) }
      try expectFault(.outOfSequence, level: level, at: index) { $0.swapAt(index, index + 1) }
      try expectFault(.replayDetected, level: level, at: index + 1) { $0.insert($0[index], at: index + 1) }
      try expectFault(.replayDetected, level: level, at: 4) { $0[4] = $0[index] }
    }
  }

  @Test(arguments: [ProtectionLevel.integrity, .confidentiality])
  func everyFlippedBit(level: ProtectionLevel) throws {
    let length = FakeToken.overhead + 1
    for offset in 0..<length {
      let harness = try EncapsulationHarness(level: level)
      var message = harness.peer.encapsulated([0x55], sealed: level != .integrity)
      message[4 + offset] ^= 1 << UInt8(offset % 8)
      harness.wire.force(message)
      #expect(harness.upper.octets.isEmpty && harness.upper.errors.count == 1, "offset \(offset)")
      #expect(harness.isDead)
    }
  }

  @Test func signedAtLevel2() throws {
    for index in [0, 2, 4] {
      try expectFault(.notEncrypted, at: index) { messages in
        let number = 500 + UInt64(index)
        let token = FakeToken(isSealed: false, number: number, plaintext: [UInt8(index)])
        messages[index] = token.message(key: ByteScript().key)
      }
    }
  }

  @Test func sealedAtLevel1IsStronger() throws {
    for level in [ProtectionLevel.integrity, .selective] {
      for sealed in [true, false] {
        let harness = try EncapsulationHarness(level: level)
        harness.wire.force(harness.peer.encapsulated([0x01], sealed: sealed))
        #expect(harness.upper.octets == [0x01] && harness.upper.errors.isEmpty)
      }
    }
  }

  @Test func messagesOfAnotherKind() throws {
    for index in [0, 2, 4] {
      for type: UInt8 in [1, 2] { try expectFault(.unexpectedMessage, at: index) { $0[index][1] = type } }
      try expectFault(.malformedMessage, at: index) { $0[index][1] = 4 }
      try expectFault(.wrongVersion, at: index) { $0[index][0] = 0 }
      try expectFault(.abortReceived, at: index) { $0[index] = [0x01, 0xff] }
      try expectFault(.emptyToken, at: index) { $0[index] = [0x01, 0x03, 0x00, 0x00] }
      try expectFault(.unprotectedRequest, at: index) { $0[index] = ByteScript.connect() }
    }
  }

  @Test func shortenedTokens() throws {
    for count in 1..<FakeToken.overhead + 1 {
      try expectFault(.protectionFailed, at: 2) { messages in
        messages[2] = [0x01, 0x03, 0x00, UInt8(count)] + messages[2][4..<4 + count]
      }
    }
  }

  @Test(arguments: [
    (UnwrapOutcome.Status.duplicate, SOCKSError.Code.replayDetected), (.old, .replayDetected),
    (.unsequenced, .outOfSequence), (.gap, .outOfSequence), (.other, .protectionFailed),
  ])
  func statusBits(status: UnwrapOutcome.Status, code: SOCKSError.Code) throws {
    for index in [0, 2, 4] {
      try expectFault(code, at: index, prepare: { $0.statuses[index + 1] = status }) { _ in }
    }
  }

  @Test func unwrapFailures() throws {
    for index in [0, 2, 4] {
      try expectFault(.protectionFailed, at: index, prepare: { $0.failsUnwrapAt = index + 1 }) { _ in }
    }
  }

  @Test func numberingThatEnds() throws {
    try expectFault(.protectionFailed, at: 0, prepare: { $0.hidesNumbers = true }) { _ in }
  }

  @Test(arguments: [true, false])
  func aWrongLengthFromTheEngine(opensInPlace: Bool) throws {
    let harness = try EncapsulationHarness { protection in
      protection.liesAboutLengths = true
      protection.opensInPlace = opensInPlace
    }
    harness.wire.force(harness.peer.encapsulated([0x01]))
    #expect(harness.upper.octets.isEmpty && harness.upper.errors.map(\.code) == [.protectionFailed])
  }

  @Test func emptyMessagesAreCounted() throws {
    let harness = try EncapsulationHarness()
    for _ in 0..<2 {
      for _ in 0..<1_000 { harness.wire.force(harness.peer.encapsulated([])) }
      harness.wire.force(harness.peer.encapsulated([0x01]))
    }
    #expect(harness.upper.octets == [0x01, 0x01] && harness.upper.errors.isEmpty)
    for _ in 0..<1_000 { harness.wire.force(harness.peer.encapsulated([])) }
    #expect(harness.upper.errors.isEmpty)
    harness.wire.force(harness.peer.encapsulated([]))
    #expect(harness.upper.errors.map(\.code) == [.tooManyEmptyMessages])
    #expect(harness.isDead)
  }

  // MARK: Outbound

  @Test func aWrapFailureSendsNothing() throws {
    for index in 1...3 {
      let harness = try EncapsulationHarness(prepare: { $0.failsWrapAt = index })
      // Three tokens in one batch.
      let outcomes = [Outcome(harness.write(pattern(150_000))), Outcome(harness.write([0x01]))]
      harness.flush()
      harness.wire.loop.run()
      #expect(harness.wire.probe.writes.isEmpty && outcomes.allSatisfy(\.hasFailed))
      #expect(harness.upper.errors.map(\.code) == [.protectionFailed])
      #expect(harness.isDead)
    }
  }

  @Test func aLibraryThatDoesNotSeal() throws {
    for level in [ProtectionLevel.confidentiality, .selective] {
      let harness = try EncapsulationHarness(level: level, prepare: { $0.ignoresSealing = true })
      let outcome = Outcome(harness.write([0x01]))
      harness.flush()
      #expect(harness.wire.probe.writes.isEmpty && outcome.hasFailed)
      #expect(harness.upper.errors.map(\.code) == [.protectionFailed])
      #expect(harness.isDead)
    }
  }

  @Test func whoeverHearsOfAFailureMayCloseAtOnce() throws {
    for hears in ["promise", "error"] {
      let harness = try EncapsulationHarness(prepare: { $0.failsWrapAt = 1 })
      let channel = harness.wire.channel
      if hears == "error" { harness.upper.onError = { $0.close(promise: nil) } }
      let future = harness.write([0x01])
      let outcome = Outcome(future)
      if hears == "promise" {
        future.assumeIsolated().whenFailure { _ in
          channel.writeAndFlush(ByteBuffer(bytes: [0x02]), promise: nil)
          channel.close(promise: nil)
        }
      }
      harness.flush()
      harness.wire.loop.run()
      #expect(outcome.hasFailed && harness.wire.probe.isClosed && harness.wire.probe.writes.isEmpty)
      #expect(harness.handler == nil)
    }
  }

  @Test func whoeverHearsOfTheEndMayFlush() throws {
    let harness = try EncapsulationHarness()
    let channel = harness.wire.channel
    var heard = false
    harness.write([0x01]).assumeIsolated().whenFailure { _ in
      heard = true
      channel.flush()
    }
    harness.wire.hangUp()
    #expect(heard)
  }

  /// An answer to good plaintext meets a failure while a fault waits behind it: the first one is told.
  @Test func oneFaultIsToldOnce() throws {
    let harness = try EncapsulationHarness(prepare: { $0.failsWrapAt = 1 })
    harness.upper.onRead = { $0.writeAndFlush(NIOAny(ByteBuffer(bytes: [0x02])), promise: nil) }
    harness.wire.force(harness.peer.encapsulated([0x01]) + [0x01, 0xff])
    #expect(harness.upper.errors.map(\.code) == [.protectionFailed])
    #expect(harness.upper.octets == [0x01])
  }
}
