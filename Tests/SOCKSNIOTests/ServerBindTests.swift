import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

/// BIND has two replies, and a wait between them.
@Suite struct ServerBindTests {
  static let early: [UInt8] = Array("early data".utf8)
  /// `05 02 00 01 c0000201 0050`
  static let bind: [UInt8] = [0x05, 0x02] + ByteScript.connect().dropFirst(2)
  static let firstReply: [UInt8] = [0x05, 0x00, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x02, 0x10, 0xe2]

  /// A session that waits for the peer; the delegate's next release is the second reply.
  private static func listening(level: UInt8 = 2) throws -> ServerHarness {
    let harness = try ServerHarness()
    harness.agree(level: level)
    harness.delegate.holds = true
    harness.wire.receive(harness.client.encapsulated(Self.bind, sealed: level != 1))
    harness.delegate.release()
    return harness
  }

  private static func replies(_ harness: ServerHarness) throws -> [FakeToken] {
    try #require(ByteScript.tokens(in: harness.wire.probe.writes.dropFirst(3).flatMap { $0 }))
  }

  @Test(arguments: [1, 2, 3] as [UInt8])
  func eachReplyHasATokenOfItsOwn(level: UInt8) throws {
    let harness = try Self.listening(level: level)
    #expect(try Self.replies(harness).map(\.plaintext) == [Self.firstReply])
    #expect(harness.delegate.handovers.isEmpty)
    harness.delegate.release()
    let replies = try Self.replies(harness)
    #expect(replies.map(\.plaintext) == [Self.firstReply, ByteScript.reply()])
    #expect(replies.allSatisfy { $0.isSealed == (level != 1) })
    #expect(harness.delegate.handovers.count == 1 && harness.delegate.failures.isEmpty)
  }

  @Test func withoutAuthentication() throws {
    let harness = try ServerHarness()
    harness.wire.receive([0x05, 0x01, 0x00] + Self.bind)
    #expect(harness.wire.probe.writes == [[0x05, 0x00], Self.firstReply, ByteScript.reply()])
  }

  /// It is read at once, for the client's end must be seen behind it, and handed over once.
  @Test func earlyDataIsKeptForThePeer() throws {
    let harness = try Self.listening()
    for octet in Self.early { harness.wire.receive(harness.client.encapsulated([octet])) }
    #expect(harness.wire.unread == 0 && harness.delegate.handovers.isEmpty)
    harness.delegate.release()
    #expect(harness.delegate.handovers.map(\.earlyData) == [Self.early])
  }

  @Test func tooMuchEarlyDataIsRefused() throws {
    let harness = try Self.listening()
    let half = [UInt8](repeating: 0x2e, count: ServerNegotiation.maximumEarlyData / 2)
    harness.wire.receive(harness.client.encapsulated(half))
    harness.wire.receive(harness.client.encapsulated(half))
    #expect(harness.delegate.failures.isEmpty)
    harness.wire.receive(harness.client.encapsulated([0x2e]))
    #expect(harness.delegate.failures.map(\.error.code) == [.unexpectedMessage])
    #expect(harness.delegate.failures.map(\.phase) == [.listening])
    #expect(try Self.replies(harness).map { $0.plaintext[1] } == [0x00, 0x01])
  }

  @Test func theClientsEndEndsTheWait() throws {
    for early in [[], Self.early] {
      let harness = try Self.listening()
      if !early.isEmpty { harness.wire.receive(harness.client.encapsulated(early)) }
      harness.wire.receiveEnd()
      #expect(harness.delegate.failures.map(\.error.code) == [.connectionClosed])
      #expect(harness.wire.probe.isClosed && harness.handler == nil)
      // What comes too late changes nothing.
      harness.delegate.release()
      #expect(try Self.replies(harness).count == 1 && harness.delegate.handovers.isEmpty)
    }
  }

  @Test func anEndBehindTheRequestEndsTheWaitAsWell() throws {
    let harness = try ServerHarness()
    harness.agree()
    harness.delegate.holds = true
    harness.wire.receive(harness.client.encapsulated(Self.bind))
    harness.wire.forceEnd()
    #expect(harness.delegate.failures.isEmpty)
    harness.delegate.release()
    #expect(harness.delegate.failures.map(\.error.code) == [.connectionClosed])
    #expect(harness.wire.probe.isClosed)
  }

  @Test func noDeadlineOfTheNegotiationEndsTheWait() throws {
    let harness = try Self.listening()
    harness.wire.advance(.hours(1))
    harness.delegate.release()
    #expect(harness.delegate.handovers.count == 1)
  }

  @Test func theSecondReplyMayBeARefusal() throws {
    let harness = try Self.listening()
    harness.delegate.reply = SOCKSReply(code: .hostUnreachable)
    harness.delegate.release()
    #expect(try Self.replies(harness).map { $0.plaintext[1] } == [0x00, 0x04])
    #expect(harness.delegate.failures.map(\.phase) == [.listening])
    #expect(harness.wire.probe.events.last == .closedOutput)
  }
}
