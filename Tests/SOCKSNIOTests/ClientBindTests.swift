import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

/// BIND's two replies on a channel.
@Suite struct ClientBindTests {
  private static let early: [UInt8] = Array("a banner".utf8)

  /// Everything up to the first reply.
  private func announced(level: ProtectionLevel = .confidentiality) throws -> ClientHarness {
    let harness = try ClientHarness(level: level, command: .bind)
    for part in harness.serverOctets(level: level.rawValue, sealed: level != .integrity) { harness.wire.receive(part) }
    try #require(harness.announcements.count == 1)
    #expect(harness.results.isEmpty)
    return harness
  }

  @Test(arguments: ProtectionLevel.allCases)
  func bothRepliesAndDataInAnySegmentation(level: ProtectionLevel) throws {
    let sealed = level != .integrity
    var script = try ClientHarness(level: level).server
    var octets: [UInt8] = [0x05, 0x01] + ByteScript.authentication(ClientHarness.answer)
    octets += script.level([level.rawValue])
    for plaintext in [ByteScript.reply(), ByteScript.reply(), Self.early] {
      octets += script.encapsulated(plaintext, sealed: sealed)
    }
    for segments in splits(of: octets) {
      let harness = try ClientHarness(level: level, command: .bind)
      harness.wire.receive(segments: segments)
      for _ in 0..<octets.count where harness.wire.unread > 0 {
        harness.wire.channel.read()
        harness.wire.pump()
      }
      #expect(harness.announcements.map(\.reply.bound.port) == [4_321])
      #expect(harness.announcements.first?.protection?.level == level)
      #expect(harness.outcome?.reply.code == .succeeded && harness.results.count == 1)
      #expect(harness.upper.octets == Self.early)
    }
  }

  @Test func theSecondReplyInClearIsRefused() throws {
    let harness = try self.announced()
    harness.wire.receive(ByteScript.reply())
    #expect(harness.outcome == nil && harness.errors.count == 1 && harness.wire.probe.isClosed)
  }

  @Test func theSecondReplyMustBeSealedAsTheFirst() throws {
    let harness = try self.announced()
    harness.wire.receive(harness.server.encapsulated(ByteScript.reply(), sealed: false))
    #expect(harness.errors == [.notEncrypted] && harness.wire.probe.isClosed)
  }

  @Test func theFirstReplyAgainIsNoSecond() throws {
    let harness = try self.announced()
    harness.server.nextNumber -= 1
    harness.wire.receive(harness.server.encapsulated(ByteScript.reply()))
    #expect(harness.errors == [.replayDetected] && harness.wire.probe.isClosed)
  }

  @Test func aRefusalInTheSecondReplyIsTold() throws {
    let harness = try self.announced()
    harness.wire.receive(harness.server.encapsulated(ByteScript.reply(.hostUnreachable)))
    #expect(harness.errors == [.requestRefused] && harness.wire.probe.isClosed)
  }

  @Test func thePeerHasADeadlineOfItsOwn() throws {
    let harness = try self.announced()
    harness.wire.advance(.seconds(89))
    #expect(harness.results.isEmpty && !harness.wire.probe.isClosed)
    harness.wire.advance(.seconds(2))
    #expect(harness.errors == [.timedOut] && harness.wire.probe.isClosed)
  }

  @Test func theGatewayMayGoAwayInBetween() throws {
    let harness = try self.announced()
    harness.wire.forceEnd()
    #expect(harness.errors == [.connectionClosed] && harness.wire.probe.isClosed)
  }

  @Test func aConnectHasOneReply() throws {
    let harness = try ClientHarness()
    for part in harness.serverOctets(level: 2) { harness.wire.receive(part) }
    #expect(harness.announcements.isEmpty && harness.outcome != nil)
  }
}
