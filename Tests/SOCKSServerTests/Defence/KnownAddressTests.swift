import NIOCore
import ProxySession
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSServer

/// Programs that fail all the time, beside one with a good ticket at the same address.
@Suite(.timeLimit(.minutes(2))) struct KnownAddressTests {
  private static var strict: GatewayUnderTest.Setting {
    var setting = GatewayUnderTest.Setting()
    setting.penalties.exempt = []
    setting.penalties.minimum = .seconds(1)
    return setting
  }

  /// A browser that is set to an HTTP proxy, or that cannot authenticate, and retries.
  @Test(arguments: [
    Array("GET / HTTP/1.1\r\n".utf8), [0x05, 0x01, 0x00], [0x04, 0x01, 0x00, 0x50, 1, 2, 3, 4, 0], [],
  ])
  func whatIsNoLoginCostsNothing(bytes: [UInt8]) async throws {
    try await GatewayUnderTest.with(Self.strict) { gateway in
      for _ in 0..<50 {
        let client = try await gateway.client()
        if bytes.isEmpty {
          await client.peer.close()
        } else {
          try await client.peer.send(bytes)
          _ = await client.peer.end()
          await client.peer.close()
        }
        _ = try await gateway.log.next()
      }
      var good = try await gateway.client()
      try await good.negotiate()
    }
  }

  /// Somebody has authenticated from the address: whoever guesses beside them slows them down, and does not block them.
  @Test func aKnownAddressIsSlowedDown() async throws {
    var setting = Self.strict
    setting.penalties.slowRate = 20
    try await GatewayUnderTest.with(setting) { gateway in
      var first = try await gateway.client()
      try await first.negotiate()
      for _ in 0..<5 { try await Self.fail(gateway) }
      let start = ContinuousClock.now
      for _ in 0..<3 {
        var good = try await gateway.client()
        try await good.negotiate()
        try await Self.fail(gateway)
      }
      // Six connections at 20 a second; the first of them needs no wait.
      #expect(ContinuousClock.now - start >= .milliseconds(200))
    }
  }

  /// Nobody has: blocked.
  @Test func anUnknownAddressIsBlocked() async throws {
    try await GatewayUnderTest.with(Self.strict) { gateway in
      for _ in 0..<3 { try await Self.fail(gateway) }
      #expect(await Self.isBlocked(gateway))
    }
  }

  /// `known_for: 0s`.
  @Test func nobodyIsKnownForNoTime() async throws {
    var setting = Self.strict
    setting.penalties.knownFor = .zero
    try await GatewayUnderTest.with(setting) { gateway in
      var first = try await gateway.client()
      try await first.negotiate()
      for _ in 0..<3 { try await Self.fail(gateway) }
      #expect(await Self.isBlocked(gateway))
    }
  }

  private static func isBlocked(_ gateway: GatewayUnderTest) async -> Bool {
    guard let client = try? await gateway.client() else { return true }
    try? await client.peer.send(SOCKSPeer.offer)
    return await client.peer.read(2) == []
  }

  /// A message that breaks the protocol, after the method has been selected. Where the address is blocked already it is closed.
  private static func fail(_ gateway: GatewayUnderTest) async throws {
    guard let client = try? await gateway.client() else { return }
    try? await client.peer.send(SOCKSPeer.offer)
    guard await client.peer.read(2) == [0x05, 0x01] else { return }
    try? await client.peer.send([0x09, 0x01, 0x01])
    _ = await client.peer.end()
    await client.peer.close()
  }
}
