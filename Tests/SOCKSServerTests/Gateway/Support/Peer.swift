import Glibc
import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import Synchronization

/// One end of a real connection, for a test to write to and read from.
final class Peer: Sendable {
  /// How the stream from the other side ended.
  enum End: Hashable, Sendable {
    case ended
    /// `read()` failed with this error number.
    case failed(CInt)
  }

  private struct State {
    var octets: [UInt8] = []
    var end: End?
    var waiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    mutating func takeReady() -> [CheckedContinuation<Void, Never>] {
      let ready = self.waiting.filter { $0.count <= self.octets.count || self.end != nil }
      self.waiting.removeAll { $0.count <= self.octets.count || self.end != nil }
      return ready.map(\.continuation)
    }
  }

  let channel: any Channel
  private let state: SharedState

  private final class SharedState: Sendable {
    let value = Mutex(State())

    func update(_ body: (inout State) -> Void) {
      let ready = self.value.withLock { state in
        body(&state)
        return state.takeReady()
      }
      for continuation in ready { continuation.resume() }
    }
  }

  private init(channel: any Channel, state: SharedState) {
    self.channel = channel
    self.state = state
  }

  /// Makes the peer of a channel that is being set up; nothing is read while `reads` is false.
  static func make(on channel: any Channel, reads: Bool = true) -> EventLoopFuture<Peer> {
    let state = SharedState()
    return channel.eventLoop.makeCompletedFuture {
      try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
      try channel.syncOptions?.setOption(.autoRead, value: reads)
      try channel.pipeline.syncOperations.addHandler(Collector(state: state))
      return Peer(channel: channel, state: state)
    }
  }

  /// - Parameter source: the address to connect from.
  static func connect(to address: SOCKSAddress, from source: String? = nil) async throws -> Peer {
    guard case .address(let ip) = address.host else { throw SOCKSError(.valueOutOfRange) }
    var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false)
    if let source { bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: source, port: 0)) }
    let channel = try await bootstrap.connect(to: SocketAddress(ip, port: address.port)).get()
    return try await channel.eventLoop.flatSubmit { Peer.make(on: channel) }.get()
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let state: SharedState

    init(state: SharedState) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let octets = self.unwrapInboundIn(data)
      self.state.update { $0.octets += octets.readableBytesView }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case .some(.inputClosed) = event as? ChannelEvent else { return }
      self.state.update { $0.end = $0.end ?? .ended }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      let number = (error as? IOError)?.errnoCode ?? EIO
      self.state.update { $0.end = $0.end ?? .failed(number) }
    }

    func channelInactive(context: ChannelHandlerContext) {
      self.state.update { $0.end = $0.end ?? .ended }
    }
  }

  // MARK: Reading

  /// The next octets; fewer when the stream ends first.
  func read(_ count: Int) async -> [UInt8] {
    await self.wait(for: count)
    return self.state.value.withLock { state in
      let taken = Array(state.octets.prefix(count))
      state.octets.removeFirst(taken.count)
      return taken
    }
  }

  /// What has come and was not read.
  var unread: [UInt8] { self.state.value.withLock { $0.octets } }

  /// Waits for the stream's end; octets that come before it stay unread.
  func end() async -> End {
    await self.wait(for: .max)
    return self.state.value.withLock { $0.end ?? .ended }
  }

  private func wait(for count: Int) async {
    await withCheckedContinuation { continuation in
      self.state.update { $0.waiting.append((count, continuation)) }
    }
  }

  // MARK: Writing

  func send(_ octets: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: octets)).get() }

  /// Ends this side's stream.
  func finish() async throws { try await self.channel.close(mode: .output).get() }

  func close() async { try? await self.channel.close().get() }

  /// Closes with a reset, if the other side has not closed already.
  func reset() async {
    let channel = self.channel
    try? await channel.eventLoop.flatSubmit {
      let options = channel as? any SocketOptionProvider
      options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
      return channel.close()
    }.get()
  }
}
