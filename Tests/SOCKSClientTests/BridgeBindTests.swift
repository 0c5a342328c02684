import NIOCore
import NIOPosix
import SOCKSCore
import Testing

@testable import SOCKSClient

/// BIND through the bridge.
struct BridgeBindTests {
  private static let request: [UInt8] = [0x05, 0x02, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x02, 0x00, 0x50]
  private static let listening: [UInt8] = [0x05, 0x00, 0x05, 0x00, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x12, 0x67]
  private static let accepted: [UInt8] = [0x05, 0x00, 0x00, 0x01, 0xc6, 0x33, 0x64, 0x07, 0x00, 0x14]

  @Test func bothRepliesAndBothStreams() async throws {
    try await BridgeUnderTest.withBridge(.echo(greeting: Array("hello ".utf8), farewell: 600_000)) { address in
      // All at once: what is sent ahead waits for the peer.
      let answer = try await BridgeUnderTest.exchange(
        with: address, BridgeUnderTest.greeting + Self.request + Array("world".utf8),
        // Not before both replies: until then the end of the program's stream is the end of everything.
        endAfter: Self.listening.count + Self.accepted.count)
      let expected = Self.listening + Self.accepted + Array("hello world".utf8)
      #expect(answer.prefix(expected.count).elementsEqual(expected))
      #expect(answer.count == expected.count + 600_000)
    }
  }

  @Test(arguments: (1...8).map { UInt8($0) }, [true, false])
  func passesTheGatewaysRepliesOn(code: UInt8, isFirst: Bool) async throws {
    let code = SOCKSReplyCode(rawValue: code)
    try await BridgeUnderTest.withBridge(isFirst ? .refuse(code) : .refusePeer(code)) { address in
      let answer = try await BridgeUnderTest.exchange(
        with: address, BridgeUnderTest.greeting + Self.request, endAfter: isFirst ? 12 : Self.listening.count + 10)
      let refusal: [UInt8] = [0x05, code.rawValue, 0x00, 0x01, 0, 0, 0, 0, 0, 0]
      #expect(answer == (isFirst ? [0x05, 0x00] : Self.listening) + refusal)
    }
  }

  @Test func aProgramThatLeavesEndsTheWait() async throws {
    try await TestGateway.with(.noPeer) { gateway in
      try await BridgeUnderTest.run(
        .init(listen: BridgeUnderTest.anyPort), makeConnector(to: gateway.address)
      ) { bridge, address in
        try await BridgeUnderTest.connect(to: address).executeThenClose { input, output in
          try await output.write(ByteBuffer(bytes: BridgeUnderTest.greeting + Self.request))
          var received: [UInt8] = []
          for try await octets in input {
            received += octets.readableBytesView
            if received.count >= Self.listening.count { break }
          }
          #expect(received == Self.listening)
        }
        while bridge.connectionCount > 0 { await Task.yield() }
      }
    }
  }

  @Test func aProgramThatLeavesDuringTheDialEndsIt() async throws {
    try await TestGateway.with(.silence) { gateway in
      try await BridgeUnderTest.run(
        .init(listen: BridgeUnderTest.anyPort), makeConnector(to: gateway.address)
      ) { bridge, address in
        for command in [UInt8(0x01), 0x02, 0x03] {
          try await BridgeUnderTest.connect(to: address).executeThenClose { input, output in
            var request = Self.request
            request[1] = command
            try await output.write(ByteBuffer(bytes: BridgeUnderTest.greeting + request))
            var answers = input.makeAsyncIterator()
            #expect(try await answers.next() == ByteBuffer(bytes: [0x05, 0x00]))
          }
          while bridge.connectionCount > 0 { await Task.yield() }
        }
      }
    }
  }
}
