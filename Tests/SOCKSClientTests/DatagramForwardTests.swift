import Logging
import NIOCore
import NIOPosix
import Platform
import SOCKSCore
import SOCKSNIO
import Testing

@testable import SOCKSClient

/// A local port whose datagrams go to one target.
struct DatagramForwardTests {
  private typealias Socket = NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>

  /// Lends a local program's socket, and a way to send with it.
  private static func withSocket(
    _ body: (
      _ send: ([UInt8]) async throws -> Void, _ answer: () async throws -> [UInt8]?
    ) async throws -> Void, to address: SOCKSAddress
  ) async throws {
    guard case .address(let host) = address.host else { throw ChannelError.eof }
    let destination = try SocketAddress(host, port: address.port)
    let socket: Socket = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
      }
    try await socket.executeThenClose { input, output in
      var answers = input.makeAsyncIterator()
      try await body(
        { try await output.write(AddressedEnvelope(remoteAddress: destination, data: ByteBuffer(bytes: $0))) },
        { try await answers.next().map { Array($0.data.readableBytesView) } })
    }
  }

  private static func withForward(
    trick: TestRelay.Trick = .none, to target: SOCKSAddress = anyTarget, logger: Logger = BridgeUnderTest.logger,
    _ change: (inout DatagramForward.Configuration) -> Void = { _ in },
    _ body: (SOCKSAddress) async throws -> Void
  ) async throws {
    try await TestGateway.with(.datagrams(trick)) { gateway in
      var configuration = DatagramForward.Configuration(listen: BridgeUnderTest.anyPort, target: target)
      change(&configuration)
      let forward = try DatagramForward(
        configuration, connector: makeConnector(to: gateway.address), logger: logger)
      let address = try await forward.listen()
      let again = try await forward.listen()
      #expect(again == address && address.port != 0)
      do {
        try await body(address)
        await forward.stop()
      } catch {
        await forward.stop()
        throw error
      }
    }
  }

  @Test func answersGoToTheirSenders() async throws {
    let name = SOCKSAddress(host: try SOCKSHost("host.example"), port: 53)
    for target in [anyTarget, name] {
      try await Self.withForward(to: target) { address in
        try await Self.withSocket(
          { send, answer in
            try await Self.withSocket(
              { otherSend, otherAnswer in
                for octet in UInt8(0)..<5 {
                  // Before an association stands, too.
                  try await send([1, octet])
                  try await otherSend([2, octet])
                  #expect(try await otherAnswer() == [2, octet])
                  #expect(try await answer() == [1, octet])
                }
              }, to: address)
          }, to: address)
      }
    }
  }

  @Test func aSenderMoreThanTheLimitTakesTheLongestIdlesPlace() async throws {
    try await Self.withForward({ $0.maximumSenders = 1 }) { address in
      for octet in UInt8(0)..<4 {
        try await Self.withSocket(
          { send, answer in
            try await send([octet])
            #expect(try await answer() == [octet])
          }, to: address)
      }
    }
  }

  @Test func onlyTheTargetAnswers() async throws {
    try await Self.withForward(trick: .otherTarget) { address in
      try await Self.withSocket(
        { send, answer in
          try await send([7])
          // The first answer came from another port of the target's.
          #expect(try await answer() == [7])
        }, to: address)
    }
  }

  @Test(.timeLimit(.minutes(1))) func datagramsOfOtherUsersAreRefused() async throws {
    let lines = LogLines()
    try await Self.withForward(logger: lines.logger, { $0.user = currentUserID() + 1 }) { address in
      try await Self.withSocket(
        { send, _ in
          try await send([1])
          while lines.all.isEmpty { await Task.yield() }
          #expect(lines.all.allSatisfy { $0.contains("not known to be from a process of this user") })
        }, to: address)
    }
    // No association has been made: that would have been told.
    #expect(lines.all.count == 1)
  }

  @Test(.timeLimit(.minutes(1))) func aRefusalIsTold() async throws {
    let lines = LogLines()
    try await TestGateway.with(.refuse(.notAllowedByRuleset)) { gateway in
      let forward = try DatagramForward(
        .init(listen: BridgeUnderTest.anyPort, target: anyTarget), connector: makeConnector(to: gateway.address),
        logger: lines.logger)
      let address = try await forward.listen()
      try await Self.withSocket(
        { send, _ in
          // One attempt in a while, not one for each datagram.
          for octet in UInt8(0)..<20 { try await send([octet]) }
          while lines.all.isEmpty { await Task.yield() }
          for octet in UInt8(0)..<20 { try await send([octet]) }
        }, to: address)
      await forward.stop()
      #expect(lines.all.count < 10)
      #expect(lines.all.first?.contains("cannot relay datagrams: the gateway's rules do not allow it") == true)
    }
  }

  @Test(arguments: ["0.0.0.0", "192.0.2.1", "::", "example.com"])
  func listensOnLoopbackOnly(host: String) throws {
    let listen = SOCKSAddress(host: try SOCKSHost(host), port: 0)
    #expect {
      _ = try DatagramForward(
        .init(listen: listen, target: anyTarget), connector: makeConnector(to: anyTarget),
        logger: BridgeUnderTest.logger)
    } throws: { ($0 as? BridgeError)?.reason == .notLoopback }
  }
}
