import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct ServerRefusalTests {
  private static let abort: [WireProbe.Event] = [.wrote([0x01, 0xff]), .closedOutput]

  @Test func noAcceptableMethod() throws {
    let harness = try ServerHarness(methods: [.gssapi])
    harness.wire.receive([0x05, 0x02, 0x00, 0x02])
    #expect(harness.wire.probe.events == [.wrote([0x05, 0xff]), .closedOutput])
    #expect(harness.delegate.failures.map(\.error.code) == [.noAcceptableMethod])
    #expect(harness.delegate.failures.map(\.phase) == [.method])
  }

  @Test(
    arguments: [
      ([0x01, 0x01, 0x00, 0x00], SOCKSError.Code.emptyToken),
      ([0x02, 0x01, 0x00, 0x01, 0x00], .wrongVersion),
      ([0x01, 0x02, 0x00, 0x01, 0x00], .unexpectedMessage),
      ([0x01, 0x03, 0x00, 0x01, 0x00], .unexpectedMessage),
      ([0x01, 0x04], .malformedMessage),
      ([0x01, 0xff], .abortReceived),
      ([0x05, 0x01, 0x00], .unprotectedRequest),
    ] as [([UInt8], SOCKSError.Code)])
  func badFirstMessages(octets: [UInt8], code: SOCKSError.Code) throws {
    for isCoalesced in [false, true] {
      let harness = try ServerHarness()
      if isCoalesced {
        harness.wire.receive(ServerHarness.gssOffer + octets)
      } else {
        harness.wire.receive(ServerHarness.gssOffer)
        harness.wire.receive(octets)
      }
      #expect(harness.wire.probe.events.suffix(2) == Self.abort)
      #expect(harness.delegate.failures.map(\.error.code) == [code])
      #expect(harness.delegate.failures.map(\.phase) == [.authentication])
      #expect(harness.establishment.tokens.isEmpty)
    }
  }

  @Test func aFailedStepAborts() throws {
    let harness = try ServerHarness(script: [.failed(SOCKSError(.contextFailed))])
    harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication([0x00]))
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [.contextFailed])
  }

  @Test func tooManyRoundsAbort() throws {
    let harness = try ServerHarness(script: [.continueNeeded([0x01]), .complete(nil)])
    harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication([0x00]))
    harness.wire.receive(ByteScript.authentication([0x00]))
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [.tooManyRounds])
  }

  @Test func weakContextsAbort() throws {
    for attributes: SecurityContextAttributes in [
      .fake(services: [.mutual, .replay]), .fake(encryptionType: 23), .fake(acceptorName: "host/gate.test@GARTER.TEST"),
    ] {
      let harness = try ServerHarness()
      harness.establishment.attributes = attributes
      harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication([0x00]))
      #expect(harness.wire.probe.events.suffix(2) == Self.abort)
      #expect(harness.establishment.protection == nil)
    }
  }

  @Test(arguments: [[], [0], [4], [255], [1, 1], [2, 2]] as [[UInt8]])
  func badLevels(octets: [UInt8]) throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication(ServerHarness.token))
    harness.wire.receive(harness.client.level(octets) + harness.client.encapsulated(ByteScript.connect()))
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [octets == [0] ? .levelZero : .invalidLevel])
    #expect(harness.delegate.failures.map(\.phase) == [.level])
    #expect(harness.delegate.agreed.isEmpty && harness.delegate.requests.isEmpty)
  }

  @Test func aLevelThatIsNotGenuine() throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication(ServerHarness.token))
    var octets = harness.client.level([0x02])
    octets[octets.count - 1] ^= 0x01
    harness.wire.receive(octets)
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [.protectionFailed])
  }

  @Test func aLevelWithStatusBits() throws {
    let harness = try ServerHarness(prepare: { $0.statuses[1] = .gap })
    harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication(ServerHarness.token))
    harness.wire.receive(harness.client.level([0x02]))
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [.outOfSequence])
  }

  @Test func aLevelAnswerThatCannotBeWrapped() throws {
    let harness = try ServerHarness(prepare: { $0.failsWrapAt = 1 })
    harness.agree()
    #expect(harness.wire.probe.events.suffix(2) == Self.abort)
    #expect(harness.delegate.failures.map(\.error.code) == [.protectionFailed])
  }

  @Test func aRefusedRequestIsAnsweredUnderProtection() throws {
    let harness = try ServerHarness()
    harness.agree()
    harness.delegate.reply = SOCKSReply(code: .notAllowedByRuleset)
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    let writes = harness.wire.probe.writes
    let reply = try #require(ByteScript.tokens(in: writes.last ?? [])?.first)
    #expect(reply.isSealed && reply.plaintext.prefix(2) == [0x05, 0x02])
    #expect(harness.wire.probe.events.last == .closedOutput)
    #expect(harness.delegate.failures.map(\.error.code) == [.requestRefused])
    #expect(harness.delegate.failures.map(\.phase) == [.serving])
    #expect(harness.delegate.handovers.isEmpty)
  }

  @Test func anUnknownCommandIsAnswered() throws {
    let harness = try ServerHarness()
    harness.wire.receive([0x05, 0x01, 0x00] + [0x05, 0x03, 0x00, 0x01, 0, 0, 0, 0, 0, 0])
    #expect(harness.wire.probe.writes.last?.prefix(2) == [0x05, 0x07])
    #expect(harness.delegate.failures.map(\.error.code) == [.unsupportedCommand])
    #expect(harness.delegate.failures.map(\.phase) == [.request])
  }

  // MARK: The way out

  private func refused() throws -> ServerHarness {
    let harness = try ServerHarness(methods: [.gssapi])
    harness.wire.receive([0x05, 0x01, 0x00])
    #expect(harness.wire.probe.isOutputClosed && !harness.wire.probe.isClosed)
    return harness
  }

  @Test func afterTheAnswerSomeInputIsDiscarded() throws {
    let harness = try refused()
    for _ in 0..<64 {
      harness.wire.receive([UInt8](repeating: 0x55, count: 1_024))
      #expect(!harness.wire.probe.isClosed && harness.wire.unread == 0)
    }
    harness.wire.receive([0x55])
    #expect(harness.wire.probe.isClosed)
    #expect(harness.wire.probe.writes == [[0x05, 0xff]])
    #expect(harness.delegate.failures.count == 1)
  }

  @Test func afterTheAnswerTheWaitIsBounded() throws {
    let harness = try refused()
    harness.wire.advance(.milliseconds(1_999))
    harness.wire.receive([0x55])
    #expect(!harness.wire.probe.isClosed)
    harness.wire.advance(.milliseconds(1))
    #expect(harness.wire.probe.isClosed)
  }

  @Test func afterTheAnswerTheClientsEndIsEnough() throws {
    let harness = try refused()
    harness.wire.receiveEnd()
    #expect(harness.wire.probe.isClosed)
  }

  @Test func afterTheClientsEndNothingIsDiscarded() throws {
    let harness = try ServerHarness()
    harness.wire.receive(ServerHarness.gssOffer)
    harness.establishment.holdsSteps = true
    harness.wire.receive(ByteScript.authentication([0x00]))
    harness.wire.forceEnd()
    #expect(!harness.wire.probe.isClosed)
    harness.establishment.release()
    harness.wire.loop.run()
    #expect(harness.wire.probe.events.suffix(2) == [.wrote([0x01, 0xff]), .closed])
    #expect(harness.delegate.failures.map(\.error.code) == [.connectionClosed])
  }

  // MARK: Faults under protection

  @Test func aFaultBehindTheLevelMessageIsNotAnswered() throws {
    for isCoalesced in [false, true] {
      let harness = try ServerHarness()
      harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication(ServerHarness.token))
      let level = harness.client.level([0x02])
      if isCoalesced {
        harness.wire.receive(level + ByteScript.connect())
      } else {
        harness.wire.receive(level)
        harness.wire.receive(ByteScript.connect())
      }
      #expect(harness.wire.probe.writes.count == 3)
      #expect(harness.wire.probe.events.last == .closed)
      #expect(harness.delegate.failures.map(\.error.code) == [.unprotectedRequest])
      #expect(harness.delegate.failures.map(\.phase) == [.request])
      #expect(harness.delegate.requests.isEmpty)
    }
  }

  @Test func aFaultBehindTheRequestEndsTheSession() throws {
    let harness = try ServerHarness()
    harness.agree()
    harness.delegate.holds = true
    let writes = harness.wire.probe.writes.count
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()) + [0x01, 0x03, 0x00, 0x00])
    #expect(harness.wire.probe.isClosed && harness.wire.probe.writes.count == writes)
    #expect(harness.delegate.failures.map(\.error.code) == [.emptyToken])
    harness.delegate.release()
    harness.wire.loop.run()
    #expect(harness.delegate.handovers.isEmpty && harness.wire.probe.writes.count == writes)
  }

  @Test func aReplyThatCannotBeWrappedIsAFailureOnly() throws {
    // The second token wrapped: the first is the level's answer.
    let harness = try ServerHarness(prepare: { $0.failsWrapAt = 2 })
    harness.agree()
    let writes = harness.wire.probe.writes.count
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    #expect(harness.wire.probe.isClosed && harness.wire.probe.writes.count == writes)
    #expect(harness.delegate.failures.map(\.error.code) == [.protectionFailed])
    #expect(harness.delegate.handovers.isEmpty)
  }

  @Test func aRefusalThatCannotBeWrappedCloses() throws {
    let harness = try ServerHarness(prepare: { $0.failsWrapAt = 2 })
    harness.agree()
    harness.delegate.reply = SOCKSReply(code: .generalFailure)
    let writes = harness.wire.probe.writes.count
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    #expect(harness.wire.probe.isClosed && harness.wire.probe.writes.count == writes)
    #expect(harness.delegate.failures.count == 1)
  }
}
