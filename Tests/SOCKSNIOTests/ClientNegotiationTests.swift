import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct ClientNegotiationTests {
  private static let early: [UInt8] = Array("a banner".utf8)

  private func expectSession(_ harness: ClientHarness, level: UInt8, _ comment: Comment? = nil) throws {
    #expect(harness.results.count == 1, comment)
    let outcome = try #require(harness.outcome, comment)
    #expect(outcome.reply.code == .succeeded && outcome.reply.bound.port == 4_321, comment)
    #expect(outcome.protection?.level.rawValue == level, comment)
    #expect(harness.upper.octets == Self.early && harness.upper.errors.isEmpty, comment)
    let writes = harness.wire.probe.writes
    try #require(writes.count == 4, comment)
    #expect(writes[0] == [0x05, 0x01, 0x01], comment)
    #expect(writes[1] == ByteScript.authentication(ClientHarness.token), comment)
    let asked = try #require(ByteScript.tokens(in: writes[2], type: .protectionLevel)?.first, comment)
    #expect(asked.plaintext == [level] && !asked.isSealed, comment)
    let request = try #require(ByteScript.tokens(in: writes[3])?.first, comment)
    #expect(request.plaintext == ByteScript.connect() && request.isSealed == (level != 1), comment)
    #expect(harness.establishment.tokens == [nil, ClientHarness.answer], comment)
  }

  @Test(arguments: ProtectionLevel.allCases)
  func anySegmentation(level: ProtectionLevel) throws {
    let sealed = level != .integrity
    var script = try ClientHarness(level: level).server
    var octets: [UInt8] = [0x05, 0x01] + ByteScript.authentication(ClientHarness.answer)
    octets += script.level([level.rawValue]) + script.encapsulated(ByteScript.reply(), sealed: sealed)
    octets += script.encapsulated(Self.early, sealed: sealed)
    for segments in splits(of: octets) {
      let harness = try ClientHarness(level: level)
      harness.wire.receive(segments: segments)
      for _ in 0..<octets.count where harness.wire.unread > 0 {
        harness.wire.channel.read()
        harness.wire.pump()
      }
      try expectSession(harness, level: level.rawValue, "first segment \(segments[0].count) of \(segments.count)")
    }
  }

  /// A gateway whose target has sent much and ended its stream before the level's answer has been looked at.
  @Test(arguments: [0, 1, 400_000, 900_000]) func everythingAheadAndTheEnd(count: Int) throws {
    let harness = try ClientHarness()
    harness.establish()
    let data = pattern(count)
    var octets = harness.serverOctets(level: 2).dropFirst(2).flatMap { $0 }
    for begin in stride(from: 0, to: count, by: 60_000) {
      octets += harness.server.encapsulated(Array(data[begin..<min(count, begin + 60_000)]))
    }
    harness.wire.channel.pipeline.fireChannelRead(ByteBuffer(bytes: octets))
    harness.wire.channel.pipeline.fireChannelReadComplete()
    harness.wire.probe.isInputClosed = true
    harness.wire.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    harness.wire.loop.run()
    #expect(harness.errors.isEmpty && harness.outcome != nil)
    #expect(harness.upper.octets == data && harness.upper.errors.isEmpty && harness.upper.inputCloses == 1)
  }

  @Test func dataBehindTheReplyIsHandedOnOnceAtRemoval() throws {
    let harness = try ClientHarness()
    harness.removesHandler = false
    let parts = harness.serverOctets(level: 2)
    let early = harness.server.encapsulated(Self.early)
    for part in parts.dropLast() { harness.wire.receive(part) }
    harness.wire.receive(parts[3] + early)
    harness.wire.forceEnd()
    #expect(harness.outcome != nil && harness.upper.octets.isEmpty && harness.upper.inputCloses == 0)
    let handler = try #require(harness.handler)
    harness.wire.channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
    #expect(harness.upper.octets == Self.early && harness.upper.inputCloses == 1)
    #expect(harness.upper.chunks == [Self.early.count] && harness.upper.readCompletes >= 1)
  }

  @Test func withoutAuthentication() throws {
    for segments in splits(of: [0x05, 0x00] + ByteScript.reply() + Self.early) {
      let harness = try ClientHarness(authentication: ClientNegotiation.Authentication.none)
      harness.wire.receive(segments: segments)
      for _ in 0..<Self.early.count where harness.wire.unread > 0 {
        harness.wire.channel.read()
        harness.wire.pump()
      }
      #expect(harness.wire.probe.writes == [[0x05, 0x01, 0x00], ByteScript.connect()])
      #expect(harness.outcome != nil && harness.outcome?.protection == nil)
      #expect(harness.upper.octets == Self.early)
    }
  }

  @Test func withAPassword() throws {
    let login = try UsernamePasswordRequest(username: [0x61], password: [0x62])
    for segments in splits(of: [0x05, 0x02, 0x01, 0x00] + ByteScript.reply()) {
      let harness = try ClientHarness(authentication: .usernamePassword(login))
      harness.wire.receive(segments: segments)
      #expect(
        harness.wire.probe.writes == [[0x05, 0x01, 0x02], [0x01, 0x01, 0x61, 0x01, 0x62], ByteScript.connect()])
      #expect(harness.outcome != nil)
    }
    let harness = try ClientHarness(authentication: .usernamePassword(login))
    harness.wire.receive([0x05, 0x02, 0x01, 0x01])
    #expect(harness.errors == [.passwordRefused] && harness.wire.probe.isClosed)
  }

  @Test func theRequestWaitsForTheLevel() throws {
    let harness = try ClientHarness()
    harness.establish()
    #expect(harness.wire.probe.writes.count == 3)
    let level = harness.server.level([0x02])
    harness.wire.receive(Array(level.dropLast()))
    #expect(harness.wire.probe.writes.count == 3)
    harness.wire.receive(Array(level.suffix(1)))
    #expect(harness.wire.probe.writes.count == 4)
  }

  @Test func nothingIsReadWhileAStepIsInFlight() throws {
    let harness = try ClientHarness()
    harness.establishment.holdsSteps = true
    harness.wire.receive([0x05, 0x01])
    let reads = harness.wire.probe.reads
    harness.wire.receive(ByteScript.authentication(ClientHarness.answer))
    #expect(harness.wire.probe.reads == reads && harness.wire.unread > 0)
    harness.establishment.release()
    harness.wire.pump()
    #expect(harness.wire.unread == 0)
  }

  @Test func aContextWithoutRoundsOfItsOwn() throws {
    // Complete at once, with and without a last token for the gateway.
    let silent = try ClientHarness(script: [.complete(nil)])
    silent.wire.receive([0x05, 0x01])
    #expect(ByteScript.tokens(in: silent.wire.probe.writes.last ?? [], type: .protectionLevel)?.count == 1)
    let talking = try ClientHarness(script: [.complete([0x60])])
    talking.wire.receive([0x05, 0x01])
    #expect(talking.wire.probe.writes.last == ByteScript.authentication([0x60]))
    talking.wire.receive([0x01, 0x01, 0x00, 0x00])
    #expect(ByteScript.tokens(in: talking.wire.probe.writes.last ?? [], type: .protectionLevel)?.count == 1)
    #expect(silent.results.isEmpty && talking.results.isEmpty)
  }

  @Test func aStrongerAnswerIsTaken() throws {
    let harness = try ClientHarness(level: .integrity)
    harness.establish()
    harness.wire.receive(harness.server.level([0x02]))
    let request = try #require(ByteScript.tokens(in: harness.wire.probe.writes.last ?? [])?.first)
    #expect(request.isSealed && request.plaintext == ByteScript.connect())
  }
}
