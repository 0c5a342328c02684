import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct ServerNegotiationTests {
  static let early: [UInt8] = Array("early data".utf8)

  /// What a whole session with early data has to leave behind, whatever the segments were.
  private func expectSession(_ harness: ServerHarness, level: UInt8, _ comment: Comment? = nil) throws {
    let handover = try #require(harness.delegate.handovers.first, comment)
    #expect(harness.delegate.handovers.count == 1, comment)
    #expect(handover.earlyData + harness.delegate.upper.octets == Self.early, comment)
    #expect(harness.delegate.failures.isEmpty && harness.delegate.upper.errors.isEmpty, comment)
    #expect(harness.delegate.agreed.map(\.level.rawValue) == [level], comment)
    #expect(harness.delegate.requests.map(\.command) == [.connect], comment)
    let writes = harness.wire.probe.writes
    try #require(writes.count == 4, comment)
    #expect(writes[0] == [0x05, 0x01], comment)
    #expect(writes[1] == ByteScript.authentication(ServerHarness.answer), comment)
    let answer = try #require(ByteScript.tokens(in: writes[2], type: .protectionLevel)?.first, comment)
    #expect(answer.plaintext == [level] && !answer.isSealed, comment)
    let reply = try #require(ByteScript.tokens(in: writes[3])?.first, comment)
    #expect(reply.plaintext == ByteScript.reply() && reply.isSealed == (level != 1), comment)
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func wholeMessages(level: UInt8) throws {
    let harness = try ServerHarness()
    for part in harness.clientOctets(level: level, sealed: level != 1, earlyData: Self.early) {
      harness.wire.receive(part)
    }
    harness.wire.pump()
    #expect(harness.wire.unread > 0)
    harness.wire.channel.read()
    harness.wire.pump()
    try expectSession(harness, level: level)
    #expect(harness.establishment.tokens == [ServerHarness.token])
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func anySegmentation(level: UInt8) throws {
    let script = try ServerHarness()
    let octets = script.clientOctets(level: level, sealed: level != 1, earlyData: Self.early).flatMap { $0 }
    for segments in splits(of: octets) {
      let harness = try ServerHarness()
      harness.wire.receive(segments: segments)
      // The relay's first read, and those after it.
      for _ in 0..<octets.count where harness.wire.unread > 0 {
        harness.wire.channel.read()
        harness.wire.pump()
      }
      try expectSession(harness, level: level, "first segment \(segments[0].count) of \(segments.count)")
    }
  }

  /// A client that sends all it has, and its end, before its level is answered: as much as the layer below opens in several
  /// turns of the loop, all of it before the end.
  @Test(arguments: [0, 1, 10_000, 200_000, 400_000, 900_000], [true, false])
  func everythingAheadAndTheEnd(count: Int, isWhole: Bool) throws {
    let harness = try ServerHarness()
    let data = pattern(count)
    harness.wire.receive(ServerHarness.gssOffer)
    var octets = harness.clientOctets(level: 2).dropFirst().flatMap { $0 }
    for begin in stride(from: 0, to: count, by: 60_000) {
      octets += harness.client.encapsulated(Array(data[begin..<min(count, begin + 60_000)]))
    }
    if !isWhole { octets += [0x01, 0x03] }
    // While the context's step is in flight.
    harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: octets))
    harness.wire.channel.pipeline.fireChannelReadComplete()
    harness.wire.probe.isInputClosed = true
    harness.wire.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    harness.wire.loop.run()
    guard isWhole else {
      let errors = harness.delegate.failures.map(\.error.code) + harness.delegate.upper.errors.map(\.code)
      #expect(errors == [.truncated])
      #expect(harness.delegate.upper.inputCloses == 0 && harness.delegate.handovers.first?.inputClosed != true)
      return
    }
    #expect(harness.delegate.failures.isEmpty && harness.delegate.upper.errors.isEmpty)
    let handover = try #require(harness.delegate.handovers.first)
    #expect(handover.earlyData + harness.delegate.upper.octets == data)
    #expect((handover.inputClosed ? 1 : 0) + harness.delegate.upper.inputCloses == 1)
    if handover.inputClosed { #expect(handover.earlyData.count == count) }
  }

  @Test func messagesThatTouchAreHandledOnce() throws {
    let harness = try ServerHarness()
    let parts = harness.clientOctets(level: 2, earlyData: Self.early)
    harness.wire.receive(parts[0] + parts[1])
    harness.wire.receive(parts[2] + parts[3] + parts[4])
    try expectSession(harness, level: 2)
  }

  @Test func withoutAuthentication() throws {
    for segments in splits(of: [0x05, 0x02, 0x00, 0x80] + ByteScript.connect() + Self.early) {
      let harness = try ServerHarness()
      harness.wire.receive(segments: segments)
      for _ in 0..<Self.early.count where harness.wire.unread > 0 {
        harness.wire.channel.read()
        harness.wire.pump()
      }
      #expect(harness.wire.probe.writes == [[0x05, 0x00], ByteScript.reply()])
      #expect(harness.delegate.usernames == [nil])
      #expect((harness.delegate.handovers.first?.earlyData ?? []) + harness.delegate.upper.octets == Self.early)
    }
  }

  @Test func withAPassword() throws {
    let login: [UInt8] = [0x01, 0x02, 0x61, 0x62, 0x03, 0x78, 0x79, 0x7a]
    for segments in splits(of: [0x05, 0x01, 0x02] + login + ByteScript.connect()) {
      let harness = try ServerHarness()
      harness.wire.receive(segments: segments)
      #expect(harness.wire.probe.writes == [[0x05, 0x02], [0x01, 0x00], ByteScript.reply()])
      #expect(harness.delegate.usernames == [[0x61, 0x62]])
      #expect(harness.delegate.passwords.map(\.password) == [[0x78, 0x79, 0x7a]])
      #expect(harness.delegate.handovers.count == 1)
    }
  }

  @Test func aWrongPasswordIsRefused() throws {
    let harness = try ServerHarness()
    harness.delegate.passwordOutcome = .refused
    harness.wire.receive([0x05, 0x01, 0x02])
    harness.wire.receive([0x01, 0x01, 0x61, 0x01, 0x78] + ByteScript.connect())
    #expect(harness.wire.probe.events == [.wrote([0x05, 0x02]), .wrote([0x01, 0x01]), .closedOutput])
    #expect(harness.delegate.failures.map(\.error.code) == [.passwordRefused])
    #expect(harness.delegate.failures.map(\.phase) == [.authentication])
    #expect(harness.delegate.requests.isEmpty && harness.delegate.usernames.isEmpty)
  }

  @Test func severalRounds() throws {
    let harness = try ServerHarness(script: [.continueNeeded([0xa1]), .complete(nil)], maximumRounds: 2)
    harness.wire.receive(ServerHarness.gssOffer + ByteScript.authentication([0x01]))
    harness.wire.receive(ByteScript.authentication([0x02]))
    #expect(harness.establishment.tokens == [[0x01], [0x02]])
    #expect(
      harness.wire.probe.writes == [
        [0x05, 0x01], ByteScript.authentication([0xa1]), [0x01, 0x01, 0x00, 0x00],
      ])
  }

  /// In the call that asks for it: it takes effect when that call has returned.
  @Test func anAnswerThatIsGivenAtOnceIsNotLost() throws {
    let harness = try ServerHarness()
    harness.delegate.answersAtOnce = true
    harness.agree()
    let before = harness.wire.probe.writes.count
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    let tokens = try #require(ByteScript.tokens(in: harness.wire.probe.writes.dropFirst(before).flatMap { $0 }))
    #expect(tokens.map(\.plaintext) == [ByteScript.reply()] && harness.delegate.handovers.count == 1)
  }

  @Test func theReplyIsWrittenBeforeAnythingThatFollows() throws {
    let harness = try ServerHarness()
    harness.agree()
    harness.delegate.holds = true
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    let before = harness.wire.probe.writes.count
    harness.delegate.release()
    harness.wire.channel.writeAndFlush(ByteBuffer(bytes: [0xdd]), promise: nil)
    harness.wire.loop.run()
    let tokens = try #require(ByteScript.tokens(in: harness.wire.probe.writes.dropFirst(before).flatMap { $0 }))
    #expect(tokens.map(\.plaintext) == [ByteScript.reply(), [0xdd]])
  }

  @Test func nothingIsReadWhileAStepIsInFlight() throws {
    let harness = try ServerHarness()
    harness.establishment.holdsSteps = true
    harness.wire.receive(ServerHarness.gssOffer)
    let level = harness.client.level([0x02])
    // The level message is there before its time, half of it in the same segment as the token.
    harness.wire.receive(ByteScript.authentication(ServerHarness.token) + level.prefix(9))
    let reads = harness.wire.probe.reads
    #expect(!harness.wire.probe.isReadPending)
    harness.wire.receive(Array(level.dropFirst(9)))
    #expect(harness.wire.probe.reads == reads && harness.wire.unread == level.count - 9)
    harness.establishment.release()
    harness.wire.pump()
    #expect(harness.wire.probe.reads > reads && harness.wire.unread == 0)
    #expect(harness.delegate.agreed.map(\.level) == [.confidentiality])
  }

  @Test func nothingIsReadWhileTheRequestIsServed() throws {
    let harness = try ServerHarness()
    harness.agree()
    harness.delegate.holds = true
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()) + harness.client.encapsulated(Self.early))
    let reads = harness.wire.probe.reads
    harness.wire.receive(harness.client.encapsulated([0x2e]))
    #expect(harness.wire.probe.reads == reads && harness.wire.unread > 0)
    harness.delegate.release()
    harness.wire.loop.run()
    #expect(harness.delegate.handovers.map(\.earlyData) == [Self.early])
    harness.wire.channel.read()
    harness.wire.pump()
    #expect(harness.delegate.upper.octets == [0x2e])
  }

  @Test func whatLiesInFrontOfAStepIsBounded() throws {
    let harness = try ServerHarness()
    harness.establishment.holdsSteps = true
    harness.wire.receive(ServerHarness.gssOffer)
    harness.wire.receive(ByteScript.authentication(ServerHarness.token))
    let block = [UInt8](repeating: 0x01, count: ServerNegotiationHandler.maximumBuffered)
    harness.wire.force(block)
    #expect(harness.delegate.failures.isEmpty)
    harness.wire.force([0x01])
    #expect(harness.delegate.failures.map(\.error.code) == [.unexpectedMessage])
    #expect(harness.wire.probe.events.suffix(2) == [.wrote([0x01, 0xff]), .closedOutput])
  }

  @Test func anEndBehindTheRequestIsCarriedOn() throws {
    for isProtected in [false, true] {
      let harness = try ServerHarness()
      harness.delegate.holds = true
      if isProtected {
        harness.agree()
        harness.wire.receive(
          harness.client.encapsulated(ByteScript.connect()) + harness.client.encapsulated(Self.early))
      } else {
        harness.wire.receive([0x05, 0x01, 0x00] + ByteScript.connect() + Self.early)
      }
      harness.wire.forceEnd()
      #expect(harness.delegate.failures.isEmpty)
      harness.delegate.release()
      harness.wire.loop.run()
      #expect(harness.delegate.handovers.map(\.earlyData) == [Self.early])
      #expect(harness.delegate.handovers.map(\.inputClosed) == [true])
    }
  }
}
