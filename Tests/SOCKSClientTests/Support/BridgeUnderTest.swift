import Logging
import NIOCore
import NIOPosix
import Platform
import SOCKSClient
import SOCKSCore
import Testing

/// A bridge beside a test, in front of a test's gateway.
enum BridgeUnderTest {
  static let greeting: [UInt8] = [0x05, 0x01, 0x00]

  static let anyPort = SOCKSAddress(.v4(0x7F00_0001), port: 0)
  static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  static func withBridge(
    _ behaviour: TestGateway.Behaviour, _ body: (SOCKSAddress) async throws -> Void
  ) async throws {
    try await TestGateway.with(behaviour) { gateway in
      try await Self.withBridge(makeConnector(to: gateway.address), body)
    }
  }

  static func withBridge(
    _ connector: ProxyConnector, _ body: (SOCKSAddress) async throws -> Void
  ) async throws {
    try await Self.run(.init(listen: Self.anyPort), connector) { _, address in try await body(address) }
  }

  static func run(
    _ configuration: Bridge.Configuration, _ connector: ProxyConnector,
    _ body: (Bridge, SOCKSAddress) async throws -> Void
  ) async throws {
    let bridge = try Bridge(configuration, connector: connector, logger: Self.logger)
    let address = try await bridge.listen()
    let again = try await bridge.listen()
    #expect(again == address)
    do {
      try await body(bridge, address)
      await bridge.stop()
    } catch {
      await bridge.stop()
      throw error
    }
  }

  static func connect(to address: SOCKSAddress) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
    try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .connect(host: address.host.description, port: Int(address.port)) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
            wrappingChannelSynchronously: channel,
            configuration: NIOAsyncChannel.Configuration(isOutboundHalfClosureEnabled: true))
        }
      }
  }

  static func exchange(
    with address: SOCKSAddress, _ octets: [UInt8], endAfter expected: Int? = nil
  ) async throws -> [UInt8] {
    try await Self.connect(to: address).executeThenClose { input, output in
      try await SOCKSClientTests.exchange(input, output, sending: octets, endAfter: expected)
    }
  }
}
