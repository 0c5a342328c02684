import NIOCore
import NIOPosix
import Platform
import SOCKSCore
import SOCKSNIO
import Testing

@testable import SOCKSClient

/// UDP ASSOCIATE through the bridge.
struct BridgeAssociationTests {
  private static let request: [UInt8] = [0x05, 0x03, 0x00, 0x01, 0, 0, 0, 0, 0, 0]

  /// A local program that has an association.
  private final class Program {
    /// Where it sends its datagrams.
    let relay: SocketAddress
    private var answers: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    let output: NIOAsyncChannelOutboundWriter<ByteBuffer>

    init(
      relay: SocketAddress, answers: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
      output: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
      self.relay = relay
      self.answers = answers
      self.output = output
    }

    /// Returns when the bridge has closed the control connection.
    func waitForEnd() async {
      do { while try await self.answers.next() != nil {} } catch {}
    }
  }

  private typealias Socket = NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>

  private static func bindSocket() async throws -> Socket {
    try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel(wrappingChannelSynchronously: channel)
        }
      }
  }

  private static func withProgram(
    _ trick: TestRelay.Trick = .none, request: [UInt8] = Self.request, user: UserID = currentUserID(),
    _ body: (Program) async throws -> Void
  ) async throws {
    try await TestGateway.with(.datagrams(trick)) { gateway in
      try await BridgeUnderTest.run(
        .init(listen: BridgeUnderTest.anyPort, user: user), makeConnector(to: gateway.address)
      ) { bridge, address in
        try await BridgeUnderTest.connect(to: address).executeThenClose { input, output in
          try await output.write(ByteBuffer(bytes: BridgeUnderTest.greeting + request))
          var received = ByteBuffer()
          var answers = input.makeAsyncIterator()
          while received.readableBytes < 12, let octets = try await answers.next() {
            received.writeImmutableBuffer(octets)
          }
          received.moveReaderIndex(forwardBy: 2)
          let reply = try #require(try SOCKSReply.decode(from: &received))
          #expect(reply.code == .succeeded)
          guard case .address(let host) = reply.bound.host else { throw ChannelError.eof }
          #expect(host == .v4(0x7f00_0001))
          try await body(
            Program(relay: SocketAddress(host, port: reply.bound.port), answers: answers, output: output))
        }
        while bridge.connectionCount > 0 { await Task.yield() }
      }
    }
  }

  private static func datagram(_ data: [UInt8], to target: SOCKSAddress = anyTarget, fragment: UInt8 = 0) -> ByteBuffer
  {
    var datagram = ByteBuffer()
    UDPRequestHeader(fragment: fragment, destination: target).encode(into: &datagram)
    datagram.writeBytes(data)
    return datagram
  }

  @Test func carriesDatagramsBothWays() async throws {
    let name = SOCKSAddress(host: try SOCKSHost("host.example"), port: 53)
    try await Self.withProgram { program in
      try await Self.bindSocket().executeThenClose { input, output in
        var answers = input.makeAsyncIterator()
        for target in [anyTarget, name] {
          for length in [0, 1, 1_200, 60_000] {
            let datagram = Self.datagram([UInt8](repeating: 0x61, count: length), to: target)
            try await output.write(AddressedEnvelope(remoteAddress: program.relay, data: datagram))
            let answer = try await answers.next()
            #expect(answer?.data == datagram && answer?.remoteAddress == program.relay)
          }
        }
      }
    }
  }

  /// What is dropped is seen by what comes behind it alone: a datagram is answered in turn.
  @Test func badDatagramsAreDropped() async throws {
    try await Self.withProgram { program in
      try await Self.bindSocket().executeThenClose { input, output in
        var answers = input.makeAsyncIterator()
        var reserved = Self.datagram([1])
        reserved.setInteger(UInt8(1), at: 1)
        let bad = [
          Self.datagram([1], fragment: 0x01), Self.datagram([1], fragment: 0x81), reserved, ByteBuffer(),
          ByteBuffer(bytes: [0, 0, 0]), ByteBuffer(bytes: [0, 0, 0, 0x02, 1, 2, 3, 4, 5, 6, 7]),
        ]
        for datagram in bad + [Self.datagram([2])] {
          try await output.write(AddressedEnvelope(remoteAddress: program.relay, data: datagram))
        }
        #expect(try await answers.next()?.data == Self.datagram([2]))
      }
    }
  }

  @Test func theFirstPortThatSendsHasTheAssociation() async throws {
    try await Self.withProgram { program in
      try await Self.bindSocket().executeThenClose { input, output in
        try await Self.bindSocket().executeThenClose { otherInput, otherOutput in
          var answers = input.makeAsyncIterator()
          // A datagram that is not good does not lock.
          try await otherOutput.write(
            AddressedEnvelope(remoteAddress: program.relay, data: Self.datagram([1], fragment: 1)))
          for octet in UInt8(2)..<5 {
            try await output.write(AddressedEnvelope(remoteAddress: program.relay, data: Self.datagram([octet])))
            #expect(try await answers.next()?.data == Self.datagram([octet]))
            try await otherOutput.write(AddressedEnvelope(remoteAddress: program.relay, data: Self.datagram([9])))
          }
        }
      }
    }
  }

  @Test func aPortThatIsAskedForIsTheOnlyOne() async throws {
    let socket = try await Self.bindSocket()
    let port = UInt16(clamping: socket.channel.localAddress?.port ?? 0)
    var request = ByteBuffer()
    SOCKSRequest(command: .udpAssociate, destination: SOCKSAddress(.v4(0x7f00_0001), port: port)).encode(into: &request)
    try await Self.withProgram(request: Array(request.readableBytesView)) { program in
      try await socket.executeThenClose { input, output in
        try await Self.bindSocket().executeThenClose { otherInput, otherOutput in
          try await otherOutput.write(AddressedEnvelope(remoteAddress: program.relay, data: Self.datagram([9])))
          var answers = input.makeAsyncIterator()
          try await output.write(AddressedEnvelope(remoteAddress: program.relay, data: Self.datagram([1])))
          #expect(try await answers.next()?.data == Self.datagram([1]))
        }
      }
    }
  }

  /// The gateway's side ends, and the local control connection with it.
  @Test(arguments: [TestRelay.Trick.ends, .talks])
  func theGatewaysEndIsTheProgramsToo(trick: TestRelay.Trick) async throws {
    try await Self.withProgram(trick) { program in
      try await Self.bindSocket().executeThenClose { input, output in
        try await output.write(AddressedEnvelope(remoteAddress: program.relay, data: Self.datagram([1])))
        await program.waitForEnd()
      }
    }
  }

  @Test func whatIsSentOnTheControlConnectionEndsIt() async throws {
    try await Self.withProgram { program in
      try await program.output.write(ByteBuffer(bytes: [0x21]))
      await program.waitForEnd()
    }
    // Behind the request.
    try await Self.withProgram(request: Self.request + [0x21]) { program in await program.waitForEnd() }
  }

  @Test func theEndOfTheProgramsStreamEndsIt() async throws {
    try await Self.withProgram { program in
      program.output.finish()
      await program.waitForEnd()
    }
  }

  @Test(arguments: (1...8).map { UInt8($0) })
  func passesTheGatewaysReplyOn(code: UInt8) async throws {
    try await BridgeUnderTest.withBridge(.refuse(SOCKSReplyCode(rawValue: code))) { address in
      let answer = try await BridgeUnderTest.exchange(with: address, BridgeUnderTest.greeting + Self.request)
      #expect(answer == [0x05, 0x00, 0x05, code, 0x00, 0x01, 0, 0, 0, 0, 0, 0])
    }
  }
}
