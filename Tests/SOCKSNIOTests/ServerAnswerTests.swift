import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

/// Requests and passwords are answered once, at any time.
@Suite struct ServerAnswerTests {
  static let success = SOCKSReply(code: .succeeded, bound: SOCKSAddress(.v4(0xc000_0202), port: 4_321))
  static let refusal = SOCKSReply(code: .hostUnreachable)

  /// A session without authentication whose request waits for its answer.
  private static func asked(_ request: [UInt8]) throws -> (ServerHarness, RequestAnswer) {
    let harness = try ServerHarness(methods: [.noAuthentication])
    harness.delegate.holds = true
    harness.wire.receive([0x05, 0x01, 0x00] + request)
    harness.wire.probe.forget()
    return (harness, try #require(harness.delegate.requestAnswer))
  }

  @Test func theFirstAnswerCounts() throws {
    let (harness, answer) = try Self.asked(ByteScript.connect())
    answer.finish(Self.success)
    answer.finish(Self.refusal)
    answer.announce(Self.success.bound)
    harness.wire.loop.run()
    #expect(harness.wire.probe.writes == [ByteScript.reply()])
    #expect(harness.delegate.handovers.count == 1 && harness.delegate.failures.isEmpty)
  }

  @Test func theFirstRefusalCounts() throws {
    let (harness, answer) = try Self.asked(ByteScript.connect())
    answer.finish(Self.refusal)
    answer.finish(Self.success)
    harness.wire.loop.run()
    #expect(harness.wire.probe.writes.map { $0[1] } == [0x04])
    #expect(harness.delegate.handovers.isEmpty && harness.delegate.failures.count == 1)
  }

  @Test func theFirstAnnouncementCounts() throws {
    let (harness, answer) = try Self.asked(ServerBindTests.bind)
    answer.announce(harness.delegate.announced)
    answer.announce(harness.delegate.announced)
    answer.finish(Self.success)
    answer.announce(harness.delegate.announced)
    harness.wire.loop.run()
    #expect(harness.wire.probe.writes == [ServerBindTests.firstReply, ByteScript.reply()])
    #expect(harness.delegate.handovers.count == 1 && harness.delegate.failures.isEmpty)
  }

  @Test func afterTheEndAnAnswerHasNoEffect() throws {
    let (harness, answer) = try Self.asked(ByteScript.connect())
    harness.wire.hangUp()
    answer.finish(Self.success)
    harness.wire.loop.run()
    #expect(harness.wire.probe.writes.isEmpty && harness.delegate.handovers.isEmpty)
    #expect(harness.delegate.failures.map(\.error.code) == [.connectionClosed])
  }

  /// Both answers to BIND within the call that reports it: they come in their order, behind what led to them.
  @Test func answersThatAreGivenAtOnceComeInOrder() throws {
    let harness = try ServerHarness(methods: [.noAuthentication])
    harness.delegate.answersAtOnce = true
    harness.wire.receive([0x05, 0x01, 0x00] + ServerBindTests.bind)
    #expect(harness.wire.probe.writes == [[0x05, 0x00], ServerBindTests.firstReply, ByteScript.reply()])
    #expect(harness.delegate.handovers.count == 1 && harness.delegate.failures.isEmpty)
  }

  @Test(arguments: [false, true]) func theFirstVerdictOnAPasswordCounts(atOnce: Bool) throws {
    let harness = try ServerHarness(methods: [.usernamePassword])
    harness.delegate.holds = true
    harness.delegate.answersAtOnce = atOnce
    harness.wire.receive([0x05, 0x01, 0x02])
    harness.wire.receive([0x01, 0x01, 0x61, 0x01, 0x62])
    let answer = try #require(harness.delegate.passwordAnswer)
    answer.finish(.correct)
    answer.finish(.refused)
    harness.wire.loop.run()
    #expect(harness.wire.probe.writes == [[0x05, 0x02], [0x01, 0x00]])
    #expect(harness.delegate.usernames == [[0x61]] && harness.delegate.failures.isEmpty)
  }
}
