import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO
import SOCKSTestSupport
import Testing

/// The two negotiation handlers against each other, then data through both encapsulation layers.
@Suite struct HandlerPairTests {
  /// Carries what one side has written to the other, in segments of `limit` octets.
  private func carry(_ client: ClientHarness, _ server: ServerHarness, limit: Int) {
    var sent = (client: 0, server: 0)
    var idle = 0
    while idle < 2 {
      let up = Array(client.wire.probe.octets.dropFirst(sent.client))
      let down = Array(server.wire.probe.octets.dropFirst(sent.server))
      sent = (sent.client + up.count, sent.server + down.count)
      idle = up.isEmpty && down.isEmpty ? idle + 1 : 0
      server.wire.receive(segments: segments(up, limit))
      client.wire.receive(segments: segments(down, limit))
    }
  }

  private func segments(_ octets: [UInt8], _ limit: Int) -> [[UInt8]] {
    stride(from: 0, to: octets.count, by: limit).map { Array(octets[$0..<min(octets.count, $0 + limit)]) }
  }

  @Test(arguments: ProtectionLevel.allCases, [1, 7, 100_000])
  func everyLevel(level: ProtectionLevel, limit: Int) throws {
    let client = try ClientHarness(level: level)
    let server = try ServerHarness(script: [.complete(ClientHarness.answer)])
    carry(client, server, limit: limit)
    #expect(client.outcome?.protection?.level == level && client.outcome?.reply == server.delegate.reply)
    #expect(server.delegate.agreed.map(\.level) == [level] && server.delegate.handovers.count == 1)
    #expect(server.delegate.failures.isEmpty && client.errors.isEmpty)
    #expect(server.establishment.tokens == [ClientHarness.token])
  }

  @Test(arguments: ProtectionLevel.allCases)
  func aMebibyteEachWay(level: ProtectionLevel) throws {
    let client = try ClientHarness(level: level)
    let server = try ServerHarness(script: [.complete(ClientHarness.answer)])
    carry(client, server, limit: 100_000)
    let up = pattern(1_024 * 1_024)
    let down = Array(up.reversed())
    for (wire, octets) in [(client.wire, up), (server.wire, down)] {
      wire.probe.forget()
      wire.channel.writeAndFlush(ByteBuffer(bytes: octets), promise: nil)
      wire.loop.run()
    }
    for (source, target) in [(client.wire, server.wire), (server.wire, client.wire)] {
      let octets = source.probe.octets
      for segment in segments(octets, 50_001) { target.force(segment) }
    }
    #expect(server.delegate.upper.octets == up && client.upper.octets == down)
    #expect(server.delegate.upper.errors.isEmpty && client.upper.errors.isEmpty)
  }
}
