import Logging
import NIOCore
import NIOPosix
import Platform
import SOCKSClient
import SOCKSCore
import Testing

struct BridgeTests {
  private static let request: [UInt8] = [0x05, 0x01, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x02, 0x00, 0x50]
  private static let granted: [UInt8] = [0x05, 0x00, 0x05, 0x00, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x12, 0x67]

  @Test func carriesEarlyDataAndBothEndsOfTheStreams() async throws {
    try await BridgeUnderTest.withBridge(.echo(farewell: 600_000)) { address in
      let octets = [UInt8](repeating: 0x61, count: 100_000)
      // All at once: a program that waits for nothing.
      let answer = try await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + Self.request + octets)
      #expect(answer.starts(with: Self.granted))
      #expect(answer.count == Self.granted.count + octets.count + 600_000)
      #expect(answer.dropFirst(Self.granted.count).prefix(octets.count).elementsEqual(octets))
    }
  }

  @Test(arguments: (1...8).map { UInt8($0) })
  func passesTheGatewaysReplyOn(code: UInt8) async throws {
    try await BridgeUnderTest.withBridge(.refuse(SOCKSReplyCode(rawValue: code))) { address in
      let answer = try await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + Self.request)
      #expect(answer == [0x05, 0x00, 0x05, code, 0x00, 0x01, 0, 0, 0, 0, 0, 0])
    }
  }

  @Test(arguments: [UInt8(0x00), 0x04, 0xff])
  func refusesOtherCommands(command: UInt8) async throws {
    try await BridgeUnderTest.withBridge(.echo()) { address in
      var request = Self.request
      request[1] = command
      let answer = try await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + request)
      #expect(answer.prefix(4).elementsEqual([0x05, 0x00, 0x05, 0x07]))
    }
  }

  @Test func answersAGatewayThatIsNotThere() async throws {
    let connector = makeConnector(to: try await closedPort())
    try await BridgeUnderTest.withBridge(connector) { address in
      let answer = try await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + Self.request)
      #expect(answer == [0x05, 0x00, 0x05, 0x01, 0x00, 0x01, 0, 0, 0, 0, 0, 0])
    }
  }

  @Test func aFaultOfTheGatewayResetsTheLocalConnection() async throws {
    for fault in [TestGateway.Behaviour.answerUnsealed, .endInsideToken] {
      try await BridgeUnderTest.withBridge(fault) { address in
        await #expect(throws: IOError.self) {
          _ = try await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + Self.request + [0x21])
        }
      }
    }
  }

  @Test func closesTheConnectionsOfOtherUsers() async throws {
    try await TestGateway.with(.echo()) { gateway in
      var configuration = Bridge.Configuration(listen: BridgeUnderTest.anyPort, user: currentUserID() + 1)
      configuration.drainTimeout = .zero
      try await BridgeUnderTest.run(configuration, makeConnector(to: gateway.address)) { _, address in
        let answer = try? await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + Self.request)
        #expect(answer ?? [] == [])
      }
    }
  }

  @Test func takesNoMoreConnectionsThanTheLimit() async throws {
    try await TestGateway.with(.silence) { gateway in
      var configuration = Bridge.Configuration(listen: BridgeUnderTest.anyPort)
      configuration.maximumConnections = 1
      configuration.drainTimeout = .zero
      try await BridgeUnderTest.run(configuration, makeConnector(to: gateway.address)) { bridge, address in
        let first = try await BridgeUnderTest.connect(to: address)
        try await first.executeThenClose { input, output in
          try await output.write(ByteBuffer(bytes: BridgeUnderTest.greeting))
          var answers = input.makeAsyncIterator()
          #expect(try await answers.next() == ByteBuffer(bytes: [0x05, 0x00]))
          #expect(bridge.connectionCount == 1)
        }
        // The next one is served when the first has gone: it waits in the listen backlog until then.
        async let second = BridgeUnderTest.connect(to: address).executeThenClose { input, output in
          try await output.write(ByteBuffer(bytes: BridgeUnderTest.greeting))
          var answers = input.makeAsyncIterator()
          return try await answers.next()
        }
        #expect(try await second == ByteBuffer(bytes: [0x05, 0x00]))
        #expect(bridge.connectionCount <= 1)
      }
    }
  }

  @Test func aGracefulStopLetsConnectionsEnd() async throws {
    try await TestGateway.with(.echo()) { gateway in
      let bridge = try Bridge(
        Bridge.Configuration(listen: BridgeUnderTest.anyPort), connector: makeConnector(to: gateway.address),
        logger: BridgeUnderTest.logger)
      let address = try await bridge.listen()
      let local = try await BridgeUnderTest.connect(to: address)
      try await local.executeThenClose { input, output in
        try await output.write(ByteBuffer(bytes: BridgeUnderTest.greeting + Self.request))
        var answers = input.makeAsyncIterator()
        var received = 0
        while received < Self.granted.count, let answer = try await answers.next() { received += answer.readableBytes }
        let running = Task { await bridge.stop() }
        // The port is given back while the connection lives.
        while (try? await BridgeUnderTest.connect(to: address).executeThenClose { _, _ in }) != nil {
          await Task.yield()
        }
        try await output.write(ByteBuffer(bytes: [0x21]))
        #expect(try await answers.next() == ByteBuffer(bytes: [0x21]))
        output.finish()
        #expect(try await answers.next() == nil)
        await running.value
        #expect(bridge.connectionCount == 0)
      }
    }
  }

  @Test(arguments: [
    "0.0.0.0", "::", "192.0.2.1", "128.0.0.1", "::2", "localhost.example", "fe80::1",
  ])
  func listensOnLoopbackOnly(host: String) throws {
    let listen = SOCKSAddress(host: try SOCKSHost(host), port: 0)
    #expect {
      _ = try Bridge(.init(listen: listen), connector: makeConnector(to: anyTarget), logger: BridgeUnderTest.logger)
    } throws: { ($0 as? BridgeError)?.reason == .notLoopback }
  }

  @Test(arguments: ["127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1", "localhost", "LOCALHOST"])
  func tellsTheRealPort(host: String) async throws {
    let listen = SOCKSAddress(host: try SOCKSHost(host), port: 0)
    try await BridgeUnderTest.run(.init(listen: listen), makeConnector(to: anyTarget)) { _, address in
      #expect(address.port != 0)
    }
  }
}
