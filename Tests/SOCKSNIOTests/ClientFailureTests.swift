import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct ClientFailureTests {
  /// One error, the channel closed, nothing more sent, whatever comes.
  private func expectFailure(
    _ harness: ClientHarness, _ code: SOCKSError.Code, writes: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(harness.errors == [code] && harness.results.count == 1, sourceLocation: sourceLocation)
    #expect(harness.wire.probe.isClosed, sourceLocation: sourceLocation)
    #expect(harness.wire.probe.writes.count == writes, sourceLocation: sourceLocation)
    harness.establishment.release()
    harness.wire.advance(.hours(1))
    #expect(harness.results.count == 1 && harness.handler == nil, sourceLocation: sourceLocation)
    #expect(harness.establishment.protection == nil, sourceLocation: sourceLocation)
    #expect(harness.wire.probe.writes.count == writes, sourceLocation: sourceLocation)
  }

  @Test(
    arguments: [
      ([0x05, 0xff], SOCKSError.Code.noAcceptableMethod), ([0x05, 0x00], .methodNotOffered),
      ([0x05, 0x02], .methodNotOffered), ([0x04, 0x01], .wrongVersion), ([0x48], .wrongVersion),
    ] as [([UInt8], SOCKSError.Code)])
  func badSelections(octets: [UInt8], code: SOCKSError.Code) throws {
    let harness = try ClientHarness()
    harness.wire.receive(octets)
    expectFailure(harness, code, writes: 1)
  }

  @Test func aborts() throws {
    for endsStream in [false, true] {
      for isEstablished in [false, true] {
        let harness = try ClientHarness()
        harness.wire.receive([0x05, 0x01])
        if isEstablished { harness.wire.receive(ByteScript.authentication(ClientHarness.answer)) }
        harness.wire.receive([0x01])
        #expect(harness.results.isEmpty)
        harness.wire.receive([0xff])
        if endsStream { harness.wire.receiveEnd() }
        expectFailure(harness, isEstablished ? .levelNotAcceptable : .abortReceived, writes: isEstablished ? 3 : 2)
      }
    }
  }

  @Test(
    arguments: [
      ([0x01, 0x01, 0x00, 0x00], SOCKSError.Code.emptyToken), ([0x01, 0x02, 0x00, 0x01, 0x00], .unexpectedMessage),
      ([0x01, 0x03, 0x00, 0x01, 0x00], .unexpectedMessage), ([0x05, 0x00], .unprotectedRequest),
      ([0x01, 0x07], .malformedMessage), ([0x02], .wrongVersion),
    ] as [([UInt8], SOCKSError.Code)])
  func badAnswers(octets: [UInt8], code: SOCKSError.Code) throws {
    let harness = try ClientHarness()
    harness.wire.receive([0x05, 0x01])
    harness.wire.receive(octets)
    expectFailure(harness, code, writes: 2)
  }

  @Test func aTokenBehindACompleteContext() throws {
    let harness = try ClientHarness(script: [.complete([0x60])])
    harness.wire.receive([0x05, 0x01])
    harness.wire.receive(ByteScript.authentication([0x61]))
    expectFailure(harness, .unexpectedMessage, writes: 2)
  }

  @Test func failedSteps() throws {
    for script: [FakeEstablishment.Step] in [
      [.failed(SOCKSError(.noCredentials))], [.continueNeeded([0x60]), .failed(SOCKSError(.noCredentials))],
    ] {
      let harness = try ClientHarness(script: script)
      harness.establish()
      expectFailure(harness, .noCredentials, writes: script.count)
    }
  }

  @Test func weakContexts() throws {
    let harness = try ClientHarness()
    harness.establishment.attributes = .fake(services: [.mutual, .replay, .sequence, .integrity])
    harness.establish()
    expectFailure(harness, .contextTooWeak, writes: 2)
  }

  @Test(
    arguments: [
      ([1], SOCKSError.Code.levelNotAcceptable), ([0], .levelNotAcceptable), ([3], .levelNotAcceptable),
      ([], .invalidLevel), ([2, 2], .invalidLevel),
    ] as [([UInt8], SOCKSError.Code)])
  func levelsThatAreNotAcceptable(octets: [UInt8], code: SOCKSError.Code) throws {
    let harness = try ClientHarness()
    harness.establish()
    harness.wire.receive(harness.server.level(octets) + harness.server.encapsulated(ByteScript.reply()))
    expectFailure(harness, code, writes: 3)
  }

  @Test func aLevelThatCannotBeWrapped() throws {
    let harness = try ClientHarness(prepare: { $0.failsWrapAt = 1 })
    harness.establish()
    expectFailure(harness, .protectionFailed, writes: 2)
  }

  @Test func aRequestThatCannotBeWrapped() throws {
    let harness = try ClientHarness(prepare: { $0.failsWrapAt = 2 })
    harness.establish()
    harness.wire.receive(harness.server.level([0x02]))
    expectFailure(harness, .protectionFailed, writes: 3)
  }

  @Test func aRefusedRequest() throws {
    let harness = try ClientHarness()
    harness.establish()
    harness.wire.receive(harness.server.level([0x02]))
    harness.wire.receive(harness.server.encapsulated(ByteScript.reply(.notAllowedByRuleset)))
    expectFailure(harness, .requestRefused, writes: 4)
  }

  @Test func aReplyThatIsNotProtected() throws {
    for isCoalesced in [false, true] {
      let harness = try ClientHarness()
      harness.establish()
      let level = harness.server.level([0x02])
      harness.wire.receive(isCoalesced ? level + ByteScript.reply() : level)
      if !isCoalesced { harness.wire.receive(ByteScript.reply()) }
      expectFailure(harness, .unprotectedRequest, writes: 4)
    }
  }

  @Test func aReplySignedOnlyAtLevel2() throws {
    let harness = try ClientHarness()
    harness.establish()
    harness.wire.receive(harness.server.level([0x02]) + harness.server.encapsulated(ByteScript.reply(), sealed: false))
    expectFailure(harness, .notEncrypted, writes: 4)
  }

  // MARK: Ends

  @Test func theGatewaysEndAtEveryOctet() throws {
    let parts = try ClientHarness().serverOctets(level: 2)
    let octets = parts.flatMap { $0 }
    var boundaries: Set<Int> = [0]
    var sum = 0
    for part in parts {
      sum += part.count
      boundaries.insert(sum)
    }
    for count in 0..<octets.count {
      let harness = try ClientHarness()
      harness.wire.receive(Array(octets.prefix(count)))
      harness.wire.receiveEnd()
      let code: SOCKSError.Code = boundaries.contains(count) ? .connectionClosed : .truncated
      #expect(harness.errors == [code], "after \(count) octets")
      #expect(harness.wire.probe.isClosed && harness.results.count == 1)

      let broken = try ClientHarness()
      broken.wire.receive(Array(octets.prefix(count)))
      broken.wire.hangUp()
      #expect(broken.errors == [.connectionClosed] && broken.handler == nil, "after \(count) octets")
    }
  }

  @Test func aHangUpWhileAStepIsInFlight() throws {
    let harness = try ClientHarness()
    harness.wire.receive([0x05, 0x01])
    harness.establishment.holdsSteps = true
    harness.wire.receive(ByteScript.authentication(ClientHarness.answer))
    harness.wire.hangUp()
    expectFailure(harness, .connectionClosed, writes: 2)
  }

  @Test func anErrorOfTheChannel() throws {
    let harness = try ClientHarness()
    harness.wire.channel.pipeline.fireErrorCaught(ChannelError.inappropriateOperationForState)
    harness.wire.loop.run()
    expectFailure(harness, .connectionClosed, writes: 1)
  }

  @Test func theTimeIsAbsolute() throws {
    let parts = try ClientHarness().serverOctets(level: 2)
    for stage in 0...parts.count - 1 {
      let harness = try ClientHarness()
      for part in parts.prefix(stage) { harness.wire.receive(part) }
      let writes = harness.wire.probe.writes.count
      for octet in parts[stage].dropLast().prefix(8) {
        harness.wire.advance(.seconds(1))
        harness.wire.receive([octet])
      }
      let dripped = Int64(min(8, parts[stage].count - 1))
      harness.wire.advance(.seconds(9 - dripped) - .nanoseconds(1))
      #expect(harness.results.isEmpty)
      harness.wire.advance(.nanoseconds(1))
      expectFailure(harness, .timedOut, writes: writes)
    }
  }

  @Test func theTimeCoversStepsInFlight() throws {
    let harness = try ClientHarness()
    harness.wire.receive([0x05, 0x01])
    harness.establishment.holdsSteps = true
    harness.wire.receive(ByteScript.authentication(ClientHarness.answer))
    harness.wire.advance(.seconds(9))
    #expect(harness.establishment.isHeld)
    expectFailure(harness, .timedOut, writes: 2)
  }

  @Test func theTimeEndsWithTheReply() throws {
    let harness = try ClientHarness()
    for part in harness.serverOctets(level: 2) { harness.wire.receive(part) }
    harness.wire.advance(.hours(1))
    #expect(harness.results.count == 1 && !harness.wire.probe.isClosed && harness.handler == nil)
  }
}
