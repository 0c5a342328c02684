import NIOCore
import NIOPosix
import Platform
import SOCKSCore
import Testing

@testable import SOCKSClient

/// What the client's side makes of names before the gateway sees them, and of `localhost`.
@Suite(.timeLimit(.minutes(1))) struct NameTests {
  /// Why a connection to a name did not come about.
  private static func failure(_ gateway: TestGateway, _ name: String) async -> ProxyConnectorError? {
    do {
      try await makeConnector(to: gateway.address).connect(to: Self.address(name)).channel.close()
      return nil
    } catch {
      return error as? ProxyConnectorError
    }
  }

  private static func address(_ name: String) -> SOCKSAddress {
    SOCKSAddress(host: SOCKSHost(nameField: name.utf8), port: 443)
  }

  @Test(
    arguments: [
      ("bücher.test", "xn--bcher-kva.test"), ("BÜCHER。test", "xn--bcher-kva.test"),
      ("WWW.Example_1.com.", "WWW.Example_1.com."),
      ("XN--BCHER-KVA.test", "XN--BCHER-KVA.test"), ("１２７.０.０.１", "127.0.0.1"), ("[::1]", "::1"),
    ])
  func theGatewayIsAskedForASCII(name: String, sent: String) async throws {
    try await TestGateway.with(.refuse(.connectionRefused)) { gateway in
      let error = await Self.failure(gateway, name)
      #expect(error?.replyCode == .connectionRefused)
      #expect(gateway.requests.map(\.destination.host.description) == [sent])
      #expect(error?.target?.host.description == sent)
    }
  }

  @Test(arguments: ["☃.test", "a..b", "a%b", "[fe80::1%eth0]", "ü\0.test"])
  func whatIsNoNameDoesNotReachTheGateway(name: String) async throws {
    try await TestGateway.with(.refuse(.connectionRefused)) { gateway in
      let error = await Self.failure(gateway, name)
      #expect(error?.reason == .targetNameMalformed && error?.programStatus == .usage)
      #expect(error?.description.contains("the host name") == true && gateway.requests.isEmpty)
      // The bridge answers as a gateway would.
      try await BridgeUnderTest.withBridge(makeConnector(to: gateway.address)) { address in
        let field = Array(name.utf8)
        let answer = try await BridgeUnderTest.exchange(
          with: address,
          BridgeUnderTest.greeting + [0x05, 0x01, 0x00, 0x03, UInt8(field.count)] + field + [0x01, 0xbb])
        #expect(answer == [0x05, 0x00, 0x05, 0x04, 0x00, 0x01, 0, 0, 0, 0, 0, 0])
      }
      #expect(gateway.requests.isEmpty)
    }
  }

  @Test func theBridgeConvertsTheNamesOfItsPrograms() async throws {
    try await TestGateway.with(.refuse(.connectionRefused)) { gateway in
      try await BridgeUnderTest.withBridge(makeConnector(to: gateway.address)) { address in
        let field = Array("bücher.test".utf8)
        _ = try await BridgeUnderTest.exchange(
          with: address,
          BridgeUnderTest.greeting + [0x05, 0x01, 0x00, 0x03, UInt8(field.count)] + field + [0x01, 0xbb])
      }
      #expect(gateway.requests.map(\.destination.host.description) == ["xn--bcher-kva.test"])
    }
  }

  @Test func theGatewaysOwnNameIsConverted() throws {
    #expect(try SOCKSAddress(parsing: "bücher.test:1080", defaultPort: 1080).host.description == "xn--bcher-kva.test")
    #expect(throws: SOCKSError(.valueOutOfRange)) {
      try SOCKSAddress(parsing: "[fe80::1%eth0]:1080", defaultPort: 1080)
    }
  }

  // MARK: localhost

  private static let localhost = SOCKSAddress(host: SOCKSHost(nameField: "localhost".utf8), port: 0)

  /// Both loopback addresses, as far as the machine has them.
  private static var own: [IPAddress] {
    [IPAddress.v4(0x7f00_0001), .v6(high: 0, low: 1)].filter { ((try? LocalAddress.isOwn($0.octets)) ?? true) }
  }

  private static func hosts(_ addresses: [SOCKSAddress]) -> [SOCKSHost] { addresses.map(\.host) }

  @Test func theBridgeListensOnBothLoopbacks() async throws {
    let configuration = Bridge.Configuration(listen: [Self.localhost, BridgeUnderTest.anyPort])
    try await TestGateway.with(.refuse(.connectionRefused)) { gateway in
      try await BridgeUnderTest.run(configuration, makeConnector(to: gateway.address)) { bridge, _ in
        let addresses = bridge.addresses
        #expect(Self.hosts(addresses) == Self.own.map { .address($0) } + [BridgeUnderTest.anyPort.host])
        #expect(Set(addresses.dropLast().map(\.port)).count == 1 && addresses.allSatisfy { $0.port > 0 })
        for address in addresses {
          let answer = try await BridgeUnderTest.exchange(
            with: address, BridgeUnderTest.greeting + [0x05, 0x01, 0x00, 0x01, 127, 0, 0, 1, 0, 9])
          #expect(answer.dropFirst(2).starts(with: [0x05, 0x05]), "\(address)")
        }
      }
    }
  }

  /// Where one of the two is another program's, there is no bridge: programs would talk to the other one.
  @Test func aTakenLoopbackIsAnError() async throws {
    guard Self.own.count == 2 else { return }
    let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "::1", port: 0).get()
    let port = UInt16(clamping: taken.localAddress?.port ?? 0)
    let bridge = try Bridge(
      .init(listen: SOCKSAddress(host: Self.localhost.host, port: port)), connector: makeConnector(to: anyTarget),
      logger: BridgeUnderTest.logger)
    await #expect { try await bridge.listen() } throws: { ($0 as? BridgeError)?.reason == .cannotListen }
    try await taken.close()
    // Nothing is left of the first address.
    #expect(try await bridge.listen().port == port)
    await bridge.stop()
  }

  @Test func theForwardListensOnBothLoopbacks() async throws {
    let forward = try DatagramForward(
      .init(listen: Self.localhost, target: anyTarget), connector: makeConnector(to: anyTarget),
      logger: BridgeUnderTest.logger)
    let first = try await forward.listen()
    #expect(Self.hosts(forward.addresses) == Self.own.map { .address($0) })
    #expect(Set(forward.addresses.map(\.port)) == [first.port] && first.port > 0)
    await forward.stop()
  }
}
