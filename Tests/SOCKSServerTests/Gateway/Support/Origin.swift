import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO

/// A target on a free port: hands out the connections that it is reached by.
final class Origin: Sendable {
  private let listener: any Channel
  private let peers: AsyncStream<Peer>
  private let continuation: AsyncStream<Peer>.Continuation

  init(_ host: String = "127.0.0.1", port: UInt16 = 0, reads: Bool = true) async throws {
    let (peers, continuation) = AsyncStream.makeStream(of: Peer.self)
    self.peers = peers
    self.continuation = continuation
    self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 1_024)
      .childChannelInitializer { channel in
        Peer.make(on: channel, reads: reads).map { peer in _ = continuation.yield(peer) }
      }
      .bind(host: host, port: Int(port)).get()
  }

  var port: UInt16 { UInt16(clamping: self.listener.localAddress?.port ?? 0) }
  var address: SOCKSAddress { SOCKSAddress(.v4(0x7f00_0001), port: self.port) }

  /// A port that nobody listens on: below those that the system gives to the sockets of other tests.
  static func closedPort() async throws -> UInt16 {
    while true {
      guard let origin = try? await Origin(port: UInt16.random(in: 20_000..<30_000)) else { continue }
      let port = origin.port
      try await origin.close()
      return port
    }
  }

  /// The next connection.
  func accepted() async throws -> Peer {
    for await peer in self.peers { return peer }
    throw CancellationError()
  }

  func close() async throws { try await self.listener.close().get() }
}
