import NIOCore
import NIOPosix
import SOCKSCore
import Testing

@testable import SOCKSClient

/// BIND by the connector.
struct BindTests {
  @Test(arguments: ProtectionLevel.allCases)
  func thePeersConnectionIsAStream(level: ProtectionLevel) async throws {
    try await TestGateway.with(.echo(greeting: Array("hello ".utf8))) { gateway in
      let listener = try await makeConnector(to: gateway.address, level: level).bind(expecting: anyTarget)
      #expect(listener.address == TestGateway.bound)
      #expect(listener.protection?.level == level)
      let peer = try await listener.accept()
      #expect(peer.boundAddress == TestGateway.peer)
      #expect(peer.protection?.level == level)
      // Without effect: it has come.
      listener.close()
      let answer = try await peer.withStreams { input, output in
        try await exchange(input, output, sending: Array("world".utf8))
      }
      #expect(String(decoding: answer, as: UTF8.self) == "hello world")
    }
  }

  @Test func allZerosMeanTheGatewayItself() async throws {
    try await TestGateway.with(.unspecifiedAddress) { gateway in
      let listener = try await makeConnector(to: gateway.address).bind()
      #expect(listener.address == SOCKSAddress(.v4(0x7F00_0001), port: 4711))
      try await listener.accept().channel.close()
    }
  }

  @Test func aRefusalComesFirstOrLast() async throws {
    try await TestGateway.with(.refuse(.notAllowedByRuleset)) { gateway in
      let error = await failure { _ = try await makeConnector(to: gateway.address).bind(expecting: anyTarget) }
      #expect(error?.replyCode == .notAllowedByRuleset)
      #expect("\(error.map(String.init(describing:)) ?? "")".contains("cannot take a connection from 192.0.2.2:80"))
    }
    try await TestGateway.with(.refusePeer(.hostUnreachable)) { gateway in
      let listener = try await makeConnector(to: gateway.address).bind()
      let error = await failure { _ = try await listener.accept() }
      #expect(error?.replyCode == .hostUnreachable)
      #expect("\(error.map(String.init(describing:)) ?? "")".contains("cannot take a connection:"))
    }
  }

  @Test func aSecondReplyInClearIsAFault() async throws {
    try await TestGateway.with(.clearSecondReply) { gateway in
      let listener = try await makeConnector(to: gateway.address).bind()
      let error = await failure { _ = try await listener.accept() }
      #expect(error?.reason == .protocolViolated)
    }
  }

  @Test func theWaitHasALimit() async throws {
    try await TestGateway.with(.noPeer) { gateway in
      let connector = makeConnector(to: gateway.address, acceptTimeout: .milliseconds(100))
      let listener = try await connector.bind()
      let error = await failure { _ = try await listener.accept() }
      #expect(error?.reason == .timedOut)
      #expect(error?.detail == "timed out waiting for the incoming connection")
    }
  }

  @Test func theWaitCanBeEnded() async throws {
    try await TestGateway.with(.noPeer) { gateway in
      let listener = try await makeConnector(to: gateway.address).bind()
      listener.close()
      #expect(await failure { _ = try await listener.accept() }?.reason == .gatewayClosed)

      let other = try await makeConnector(to: gateway.address).bind()
      let waiting = Task { try await other.accept() }
      waiting.cancel()
      await #expect(throws: ProxyConnectorError.self) { try await waiting.value }
    }
  }

  @Test func aConnectionBeingMadeCanBeGivenUp() async throws {
    try await TestGateway.with(.silence) { gateway in
      let connector = makeConnector(to: gateway.address)
      let connecting = Task { try await connector.connect(to: anyTarget) }
      connecting.cancel()
      await #expect(throws: ProxyConnectorError.self) { try await connecting.value }
    }
  }

  private func failure(_ body: () async throws -> Void) async -> ProxyConnectorError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? ProxyConnectorError
    }
  }
}
