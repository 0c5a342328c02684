import Logging
import ProxySession
import SOCKSCore
import Testing

@testable import SOCKSServer

@Suite(.timeLimit(.minutes(1))) struct BindListenerTests {
  @Test func aListenerThatTheSystemClosesEndsTheSession() async throws {
    try await GatewayUnderTest.with(try BindTests.setting()) { gateway in
      var client = try await gateway.client()
      try await client.negotiate()
      let listener = try await client.bind(BindTests.here)
      #expect(Sockets.shutDownListener(port: listener.port))
      #expect(try await client.receive().starts(with: [0x05, 0x01]))
      let record = try await gateway.log.next()
      #expect(
        record["reason"] == "socket-failed" && record["fault"] == "gateway"
          && record["detail"]?.contains("system closed") == true)
    }
  }

  /// The gateway's own listener is opened again, at the same port.
  @Test func theGatewaysListenerIsOpenedAgain() async throws {
    try await GatewayUnderTest.with { gateway in
      var before = try await gateway.client()
      try await before.negotiate()
      #expect(Sockets.shutDownListener(port: gateway.address.port))
      while !gateway.log.lines.contains(where: { $0.message == "listening again" }) { await Task.yield() }
      #expect(gateway.log.lines.contains { $0.message.hasPrefix("the system closed a listener") && $0.level == .error })
      var after = try await gateway.client()
      try await after.negotiate()
    }
  }
}
