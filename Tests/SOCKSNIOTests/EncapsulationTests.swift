import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct EncapsulationTests {
  @Test(arguments: [1, 65_507, 65_508, 1_024 * 1_024])
  func roundTrips(count: Int) throws {
    for level in [ProtectionLevel.integrity, .confidentiality] {
      let harness = try EncapsulationHarness(level: level)
      let plaintext = pattern(count)
      let outcome = Outcome(harness.write(plaintext))
      harness.flush()
      harness.wire.loop.run()
      #expect(outcome.hasSucceeded)
      let tokens = try #require(harness.sent)
      #expect(tokens.flatMap(\.plaintext) == plaintext)
      #expect(tokens.allSatisfy { $0.isSealed == (level == .confidentiality) && !$0.plaintext.isEmpty })
      if count == 65_507 { #expect(tokens.count == 1) }
      if count == 65_508 { #expect(tokens.map(\.plaintext.count) == [65_507, 1]) }

      var messages: [UInt8] = []
      for token in tokens { messages += harness.peer.encapsulated(token.plaintext, sealed: token.isSealed) }
      harness.wire.force(messages)
      #expect(harness.upper.octets == plaintext && harness.upper.errors.isEmpty)
    }
  }

  @Test func writesOfNoOctetsMakeNoMessage() throws {
    let harness = try EncapsulationHarness()
    let outcome = Outcome(harness.write([]))
    harness.flush()
    #expect(outcome.hasSucceeded && harness.wire.probe.octets.isEmpty)
    harness.wire.force(harness.peer.encapsulated([]) + harness.peer.encapsulated([0x01]))
    #expect(harness.upper.octets == [0x01])
  }

  @Test func manySmallWritesBecomeFewMessages() throws {
    let harness = try EncapsulationHarness()
    harness.wire.probe.holdsWrites = true
    var finished: [Int] = []
    for index in 0..<2_000 {
      harness.write([UInt8(index & 0xff)]).assumeIsolated().whenSuccess { finished.append(index) }
    }
    #expect(harness.wire.probe.writes.isEmpty)
    harness.flush()
    #expect(harness.wire.probe.writes.count == 1)
    #expect(harness.sent?.map(\.plaintext) == [(0..<2_000).map { UInt8($0 & 0xff) }])
    #expect(finished.isEmpty)
    harness.wire.probe.completeWrites()
    #expect(finished == Array(0..<2_000))
  }

  @Test func whatIsNotFlushedStays() throws {
    let harness = try EncapsulationHarness()
    let first = Outcome(harness.write([0x01]))
    harness.flush()
    let second = Outcome(harness.write([0x02]))
    #expect(harness.sent?.map(\.plaintext) == [[0x01]] && first.hasSucceeded && !second.hasSucceeded)
    harness.flush()
    #expect(harness.sent?.map(\.plaintext) == [[0x01], [0x02]] && second.hasSucceeded)
  }

  @Test func promisesWaitForTheLastOctet() throws {
    let harness = try EncapsulationHarness()
    harness.wire.probe.holdsWrites = true
    let count = 5 * EncapsulationHandler.workPerTurn
    let big = Outcome(harness.write(pattern(count)))
    let small = Outcome(harness.write([0x01]))
    harness.flush()
    // A long write takes two turns to make; the rest follows in one of its own.
    #expect(harness.wire.probe.writes.isEmpty)
    harness.wire.loop.run()
    harness.wire.probe.completeWrite()
    #expect(!big.hasSucceeded && !small.hasSucceeded)
    harness.wire.probe.completeWrites()
    #expect(big.hasSucceeded && small.hasSucceeded)
    #expect(harness.wire.probe.writes.count == 3)
    #expect(harness.sent?.reduce(0) { $0 + $1.plaintext.count } == count + 1)
  }

  /// Runs the loop and returns the work of each turn: what is enqueued in one turn runs in the next one.
  private func workPerTurn(_ harness: EncapsulationHarness, _ work: @escaping () -> [Int], first: () -> Void) -> [Int] {
    var turns: [Int] = []
    var seen = 0
    func note() {
      let all = work()
      turns.append(all[seen...].reduce(0, +))
      seen = all.count
    }
    func markTurns(_ count: Int) {
      guard count > 0 else { return }
      harness.wire.loop.assumeIsolated().execute {
        note()
        markTurns(count - 1)
      }
    }
    first()
    note()
    markTurns(20)
    harness.wire.loop.run()
    return turns
  }

  @Test func wrappingIsSpreadOverTurns() throws {
    let harness = try EncapsulationHarness()
    _ = harness.write(pattern(1_000_000))
    let turns = workPerTurn(harness, { harness.protection.wrapWork }, first: { harness.flush() })
    #expect(turns.reduce(0, +) == 1_000_000)
    #expect(turns.filter { $0 > 0 }.count == 4 && turns.allSatisfy { $0 <= EncapsulationHandler.workPerTurn })
    // Two turns each.
    #expect(harness.wire.probe.writes.count == 2)
  }

  /// What has been wrapped and waits for the rest is sent before the channel ends, and dies with a fault.
  @Test(arguments: [true, false]) func aLongWriteThatIsNotWholeYet(isSound: Bool) throws {
    let harness = try EncapsulationHarness()
    let outcome = Outcome(harness.write(pattern(900_000)))
    harness.flush()
    #expect(
      harness.protection.wrapWork.reduce(0, +) == EncapsulationHandler.workPerTurn && harness.wire.probe.octets.isEmpty)
    if isSound {
      harness.wire.channel.close(promise: nil)
      #expect(harness.sent?.reduce(0) { $0 + $1.plaintext.count } == 900_000 && outcome.hasSucceeded)
    } else {
      harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: [0x01, 0xff]))
      harness.wire.channel.pipeline.fireChannelReadComplete()
      harness.wire.loop.run()
      #expect(harness.wire.probe.octets.isEmpty && outcome.hasFailed)
    }
  }

  @Test(arguments: [true, false])
  func openingIsSpreadOverTurns(opensInPlace: Bool) throws {
    let harness = try EncapsulationHarness { $0.opensInPlace = opensInPlace }
    let plaintext = pattern(1_000_000)
    var messages: [UInt8] = []
    for start in stride(from: 0, to: plaintext.count, by: 10_000) {
      messages += harness.peer.encapsulated(Array(plaintext[start..<start + 10_000]))
    }
    let turns = workPerTurn(
      harness, { harness.protection.unwrapWork },
      first: {
        harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: messages))
        harness.wire.channel.pipeline.fireChannelReadComplete()
        // Held back while messages wait.
        harness.wire.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        harness.wire.channel.read()
      })
    let most = EncapsulationHandler.workPerTurn + 10_028
    #expect(turns.filter { $0 > 0 }.count == 4 && turns.allSatisfy { $0 <= most })
    #expect(harness.upper.octets == plaintext && harness.upper.inputCloses == 1)
    #expect(harness.wire.probe.reads == 1)
  }

  @Test(arguments: [true, false])
  func readsAreHeldBackWhileMessagesWait(opensInPlace: Bool) throws {
    let harness = try EncapsulationHarness { $0.opensInPlace = opensInPlace }
    var messages: [UInt8] = []
    for _ in 0..<8 { messages += harness.peer.encapsulated(pattern(60_000)) }
    harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: messages))
    harness.wire.channel.pipeline.fireChannelReadComplete()
    harness.wire.channel.read()
    harness.wire.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(harness.wire.probe.reads == 0 && harness.upper.inputCloses == 0)
    #expect(harness.upper.octets.count < 8 * 60_000)
    harness.wire.loop.run()
    #expect(harness.wire.probe.reads == 1 && harness.upper.inputCloses == 1)
    #expect(harness.upper.octets.count == 8 * 60_000)
  }

  @Test func aReadGoesOnUntilThereIsPlaintext() throws {
    let harness = try EncapsulationHarness()
    let message = harness.peer.encapsulated([0x0a, 0x0b])
    harness.wire.channel.read()
    harness.wire.receive(segments: message.map { [$0] })
    #expect(harness.upper.octets == [0x0a, 0x0b])
    #expect(harness.wire.probe.reads == message.count && !harness.wire.probe.isReadPending)
  }

  @Test(arguments: [CloseMode.output, .all])
  func closingSendsFirstWhatIsFlushed(mode: CloseMode) throws {
    let harness = try EncapsulationHarness()
    let outcome = Outcome(harness.wire.channel.writeAndFlush(ByteBuffer(bytes: pattern(700_000))))
    let unflushed = Outcome(harness.write([0x01]))
    harness.wire.channel.close(mode: mode, promise: nil)
    #expect(outcome.hasSucceeded && !unflushed.hasSucceeded)
    #expect(harness.wire.probe.events.last == (mode == .output ? .closedOutput : .closed))
    #expect(harness.sent?.flatMap(\.plaintext) == pattern(700_000))
    if mode == .all { #expect(unflushed.hasFailed) }
  }

  @Test func leftoverOctetsAreOpenedOnce() throws {
    let harness = try EncapsulationHarness()
    let first = harness.peer.encapsulated([0x01])
    let second = harness.peer.encapsulated([0x02])
    let handler = try #require(harness.handler)
    handler.receiveLeftover(ByteBuffer(bytes: first + second.prefix(11)))
    #expect(harness.upper.octets == [0x01])
    harness.wire.force(Array(second.dropFirst(11)))
    #expect(harness.upper.octets == [0x01, 0x02])
  }

  /// Reads may come before what was read before them is opened, and end anywhere in a message.
  @Test func readsThatComeTogetherStayInOrder() throws {
    let length = EncapsulationTests.messageLength
    for first in 0...3 * length {
      for second in first...3 * length {
        let harness = try EncapsulationHarness()
        let messages = (1...3).flatMap { harness.peer.encapsulated([$0]) }
        for part in [messages[..<first], messages[first..<second], messages[second...]] where !part.isEmpty {
          harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: part))
        }
        harness.wire.channel.pipeline.fireChannelReadComplete()
        harness.wire.forceEnd()
        #expect(harness.upper.octets == [1, 2, 3] && harness.upper.errors.isEmpty && harness.upper.inputCloses == 1)
      }
    }
  }

  @Test func endsBetweenMessagesPass() throws {
    let harness = try EncapsulationHarness()
    harness.wire.force(harness.peer.encapsulated([0x01]))
    harness.wire.forceEnd()
    #expect(harness.upper.inputCloses == 1 && harness.upper.errors.isEmpty)
    // The other direction goes on.
    _ = harness.write([0x02])
    harness.flush()
    #expect(harness.sent?.map(\.plaintext) == [[0x02]])
  }

  @Test func endsInsideMessagesAreTruncations() throws {
    let length = EncapsulationTests.messageLength
    for count in 1..<length {
      let harness = try EncapsulationHarness()
      let messages = harness.peer.encapsulated([0x01]) + harness.peer.encapsulated([0x02])
      harness.wire.force(Array(messages.prefix(length + count)))
      harness.wire.forceEnd()
      #expect(harness.upper.octets == [0x01] && harness.upper.inputCloses == 0)
      #expect(harness.upper.errors.map(\.code) == [.truncated])
      #expect(harness.isDead)
    }
  }

  private static let messageLength = 4 + FakeToken.overhead + 1

  @Test func octetsBeforeAnEndAreLookedAt() throws {
    let harness = try EncapsulationHarness()
    harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: harness.peer.encapsulated([0x01])))
    harness.wire.forceEnd()
    #expect(harness.upper.octets == [0x01] && harness.upper.inputCloses == 1)
  }

  @Test func nothingOutlivesTheChannel() throws {
    let harness = try EncapsulationHarness()
    let outcome = Outcome(harness.write([0x01]))
    harness.wire.hangUp()
    #expect(outcome.hasFailed && harness.handler == nil)
  }

  @Test func aWriteThatIsWrappedLaterDiesWithTheChannel() throws {
    let harness = try EncapsulationHarness()
    harness.wire.probe.holdsWrites = true
    let outcome = Outcome(harness.wire.channel.writeAndFlush(ByteBuffer(bytes: pattern(600_000))))
    harness.wire.channel.pipeline.fireChannelInactive()
    harness.wire.loop.run()
    #expect(outcome.hasFailed)
    #expect(harness.protection.wrapWork == [EncapsulationHandler.workPerTurn])
  }

  /// Where our sending side is ended, a channel has no half-close left.
  @Test func theChannelsEndMayBeThePeers() throws {
    let length = Self.messageLength
    for count in 0..<length {
      let harness = try EncapsulationHarness()
      harness.wire.channel.close(mode: .output, promise: nil)
      let messages = harness.peer.encapsulated([0x01]) + harness.peer.encapsulated([0x02])
      harness.wire.force(Array(messages.prefix(length + count)))
      harness.wire.forceEnd()
      #expect(harness.upper.octets == [0x01] && harness.upper.inputCloses == (count == 0 ? 1 : 0))
      #expect(harness.upper.errors.map(\.code) == (count == 0 ? [] : [.truncated]))
    }
  }

  @Test func theChannelsEndWaitsForNothing() throws {
    for endsOutput in [true, false] {
      let harness = try EncapsulationHarness()
      var messages: [UInt8] = []
      for _ in 0..<20 { messages += harness.peer.encapsulated(pattern(60_000)) }
      if endsOutput { harness.wire.channel.close(mode: .output, promise: nil) }
      harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: messages))
      harness.wire.channel.pipeline.fireChannelReadComplete()
      if !endsOutput { harness.wire.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
      #expect(harness.upper.octets.count < 20 * 60_000)
      harness.wire.channel.close(promise: nil)
      #expect(harness.upper.octets.count == 20 * 60_000 && harness.upper.inputCloses == 1)
      harness.wire.loop.run()
      #expect(harness.upper.octets.count == 20 * 60_000 && harness.upper.errors.isEmpty)
    }
  }

  @Test func aBrokenChannelIsNoEnd() throws {
    for endsOutput in [true, false] {
      let harness = try EncapsulationHarness()
      if endsOutput {
        harness.wire.channel.close(mode: .output, promise: nil)
        harness.wire.channel.pipeline.fireErrorCaught(SOCKSError(.connectionClosed))
      }
      harness.wire.hangUp()
      #expect(harness.upper.inputCloses == 0)
    }
  }
}
