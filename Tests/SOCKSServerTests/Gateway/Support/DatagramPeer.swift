import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import Synchronization

/// A UDP socket of its own, for a test to send from and to receive with.
final class DatagramPeer: Sendable {
  struct Received: Sendable {
    var octets: [UInt8]
    var source: SOCKSAddress
  }

  let channel: any Channel
  private let datagrams: AsyncStream<Received>
  private let counter: Counter

  private final class Counter: Sendable {
    let value = Mutex(0)
  }

  init(_ host: String = "127.0.0.1", port: UInt16 = 0) async throws {
    let (datagrams, continuation) = AsyncStream.makeStream(of: Received.self)
    let counter = Counter()
    self.datagrams = datagrams
    self.counter = counter
    self.channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
      .channelOption(.writeBufferWaterMark, value: .init(low: 1 << 24, high: 1 << 25))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Collector(continuation, counter))
        }
      }
      .bind(host: host, port: Int(port)).get()
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let continuation: AsyncStream<Received>.Continuation
    private let counter: Counter

    init(_ continuation: AsyncStream<Received>.Continuation, _ counter: Counter) {
      self.continuation = continuation
      self.counter = counter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let envelope = self.unwrapInboundIn(data)
      self.counter.value.withLock { $0 += 1 }
      guard let source = SOCKSAddress(envelope.remoteAddress) else { return }
      self.continuation.yield(Received(octets: Array(envelope.data.readableBytesView), source: source))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
  }

  var address: SOCKSAddress { self.channel.localAddress.flatMap(SOCKSAddress.init) ?? .unspecified }

  /// How many have come.
  var count: Int { self.counter.value.withLock { $0 } }

  func send(_ octets: [UInt8], to address: SOCKSAddress) async throws {
    guard case .address(let ip) = address.host else { throw SOCKSError(.valueOutOfRange) }
    let remote = try SocketAddress(ip, port: address.port)
    try await self.channel.writeAndFlush(
      AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(bytes: octets))
    ).get()
  }

  /// The next datagram.
  func receive() async throws -> Received {
    for await datagram in self.datagrams { return datagram }
    throw CancellationError()
  }

  func close() async { try? await self.channel.close() }
}
