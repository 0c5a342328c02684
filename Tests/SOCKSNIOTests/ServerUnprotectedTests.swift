import NIOCore
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Testing

/// Sessions that go on in clear by the switch `unprotected`, on a channel.
@Suite struct ServerUnprotectedTests {
  static let everything: Set<CompatibilitySwitch> = [.unprotected, .nec]

  static func authenticated(_ switches: Set<CompatibilitySwitch>) throws -> ServerHarness {
    let harness = try ServerHarness(compatibility: switches)
    harness.wire.receive(ServerHarness.gssOffer)
    harness.wire.receive(ByteScript.authentication(ServerHarness.token))
    _ = harness.takeSent()
    return harness
  }

  /// The request and the data behind it may come with the level message, in one read.
  @Test(arguments: [true, false])
  func everyOctetBehindTheLevelIsTakenInClear(isOneRead: Bool) throws {
    let harness = try Self.authenticated([.unprotected])
    let parts = [harness.client.level([2]), ByteScript.connect(), [0x64, 0x61]]
    for part in isOneRead ? [parts.flatMap { $0 }] : Array(parts.dropLast()) { harness.wire.receive(part) }
    if !isOneRead { harness.wire.force(parts[2]) }
    #expect(harness.delegate.requests.count == 1 && harness.delegate.agreed.isEmpty)
    #expect(harness.delegate.unprotected.map(\.compatibility) == [[.unprotected]])
    let sent = harness.takeSent()
    #expect(sent.suffix(10) == ByteScript.reply()[...])
    let answer = try #require(ByteScript.tokens(in: Array(sent.dropLast(10)), type: .protectionLevel))
    #expect(answer.map(\.plaintext) == [[0x00]] && answer.allSatisfy { !$0.isSealed })
    let data = harness.delegate.handovers.flatMap(\.earlyData) + harness.delegate.upper.octets
    #expect(data == [0x64, 0x61])
  }

  /// Nothing is left that could protect, nor a key in memory, for as long as the client takes over its request.
  @Test(arguments: [true, false])
  func theContextGoesAtOnce(hasLevelMessage: Bool) throws {
    let harness = try Self.authenticated([.unprotected])
    #expect(harness.establishment.protection != nil)
    harness.wire.receive(hasLevelMessage ? harness.client.level([0]) : Array(ByteScript.connect().prefix(1)))
    #expect(harness.delegate.unprotected.count == 1 && harness.delegate.requests.isEmpty)
    #expect(harness.establishment.protection == nil)
  }

  @Test func aRequestWithoutALevelMessageIsTaken() throws {
    let harness = try Self.authenticated([.unprotected])
    harness.wire.receive(ByteScript.connect())
    #expect(harness.delegate.requests.count == 1)
    #expect(harness.takeSent() == ByteScript.reply())
    #expect(harness.delegate.methods == [.gssapi])
  }

  @Test(arguments: [[], [.nec]] as [Set<CompatibilitySwitch>])
  func withoutTheSwitchItIsRefused(switches: Set<CompatibilitySwitch>) throws {
    let harness = try Self.authenticated(switches)
    harness.wire.receive(ByteScript.connect())
    #expect(harness.delegate.requests.isEmpty && harness.delegate.unprotected.isEmpty)
    #expect(harness.takeSent() == [0x01, 0xff])
  }

  @Test func aLevelInClearIsAnsweredInClearAndProtects() throws {
    let harness = try Self.authenticated([.nec])
    harness.wire.receive([0x01, 0x02, 0x00, 0x01, 0x02])
    #expect(harness.takeSent() == [0x01, 0x02, 0x00, 0x01, 0x02])
    harness.wire.receive(harness.client.encapsulated(ByteScript.connect()))
    #expect(harness.delegate.requests.count == 1)
    #expect(harness.delegate.agreed.map(\.compatibility) == [[.nec]])
    let reply = try #require(ByteScript.tokens(in: harness.takeSent()))
    #expect(reply.map(\.plaintext) == [ByteScript.reply()] && reply.allSatisfy(\.isSealed))
  }

  /// The request's deadline runs, not the level's.
  @Test func theRequestHasItsDeadline() throws {
    let harness = try Self.authenticated([.unprotected])
    harness.wire.receive([0x05])
    harness.wire.advance(.seconds(8))
    #expect(harness.delegate.failures.isEmpty)
    harness.wire.advance(.seconds(4))
    #expect(harness.delegate.failures.map(\.phase) == [.request])
  }
}

extension ServerHarness {
  /// What has been sent since the last call.
  fileprivate func takeSent() -> [UInt8] {
    defer { self.wire.probe.forget() }
    return self.wire.probe.octets
  }
}
