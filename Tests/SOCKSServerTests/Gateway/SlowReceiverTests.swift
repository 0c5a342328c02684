import NIOCore
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// A receiver that takes its time is not silent, however long one write of the gateway's lasts.
@Suite(.timeLimit(.minutes(1))) struct SlowReceiverTests {
  private static let idle = Duration.seconds(4)

  private static func setting(halfClosed: Bool) -> GatewayUnderTest.Setting {
    var setting = GatewayUnderTest.Setting()
    // Whichever limit applies is the short one.
    setting.timeouts.idle = halfClosed ? .seconds(60) : Self.idle
    setting.timeouts.halfClosed = halfClosed ? Self.idle : .seconds(60)
    return setting
  }

  @Test(arguments: [true, false]) func bytesThatTheSystemSendsOnCount(halfClosed: Bool) async throws {
    try await GatewayUnderTest.with(Self.setting(halfClosed: halfClosed)) { gateway in
      let origin = try await Origin(reads: false)
      var (client, target) = try await gateway.relay(to: origin)
      try await target.channel.setOption(.maxMessagesPerRead, value: 1).get()
      try await target.channel.setOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 32 << 10)
      ).get()
      let data = pattern(1 << 20)
      for begin in stride(from: 0, to: data.count, by: 1 << 15) {
        try await client.send(Array(data[begin..<begin + 1 << 15]))
      }
      if halfClosed { try await client.peer.finish() }
      // About 100 KiB/s: more than twice the limit in all.
      let start = ContinuousClock.now
      while target.unread.count < data.count, ContinuousClock.now - start < .seconds(30) {
        target.channel.read()
        try await Task.sleep(for: .milliseconds(300))
      }
      #expect(target.unread == data)
      // With the end of the stream the target takes at once what its system still holds.
      if !halfClosed { #expect(ContinuousClock.now - start > Self.idle * 2) }
      #expect(gateway.log.lines.allSatisfy { $0.message != "session ended" })
      await target.close()
      await client.peer.close()
      _ = try await gateway.log.next()
      try await origin.close()
    }
  }

  /// One that takes nothing is.
  @Test(arguments: [true, false]) func aReceiverThatHasStoppedIsIdle(halfClosed: Bool) async throws {
    try await GatewayUnderTest.with(Self.setting(halfClosed: halfClosed)) { gateway in
      let origin = try await Origin(reads: false)
      var (client, target) = try await gateway.relay(to: origin)
      // More than the gateway takes, or all that it has to wait for.
      let data = pattern(1 << 15)
      let messages = (0..<(halfClosed ? 24 : 400)).flatMap { _ in client.script.encapsulated(data) }
      let start = ContinuousClock.now
      client.peer.channel.writeAndFlush(ByteBuffer(bytes: messages), promise: nil)
      if halfClosed { client.peer.channel.close(mode: .output, promise: nil) }
      let record = try await gateway.log.next()
      #expect(ContinuousClock.now - start < .seconds(15))
      #expect(record["reason"] == (halfClosed ? "half-closed-timeout" : "idle-timeout"), "\(record)")
      await target.close()
      try await origin.close()
    }
  }
}
