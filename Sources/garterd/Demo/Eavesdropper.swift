import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import Synchronization

/// Sits between bridge and gateway, passes everything on, and keeps a copy of the octets.
final class Eavesdropper: Sendable {
  /// What is kept of each direction, at most.
  static let maximumKept = 4 * 1_024 * 1_024

  let address: SOCKSAddress
  private let listener: any Channel
  private let recording: Recording

  private init(address: SOCKSAddress, listener: any Channel, recording: Recording) {
    self.address = address
    self.listener = listener
    self.recording = recording
  }

  static func listen(forwardingTo gateway: SOCKSAddress) async throws -> Eavesdropper {
    let recording = Recording()
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        RelayChannelOptions.apply(to: channel).flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(DialHandler(gateway: gateway, recording: recording))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    guard let address = listener.localAddress.flatMap(SOCKSAddress.init) else { throw ChannelError.unknownLocalAddress }
    return Eavesdropper(address: address, listener: listener, recording: recording)
  }

  /// Everything that went by, both ways.
  var octets: [UInt8] { self.recording.octets }

  func stop() async { try? await self.listener.close() }

  /// Dials the gateway when a client is there, then makes way for the relay.
  private final class DialHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let gateway: SOCKSAddress
    private let recording: Recording

    init(gateway: SOCKSAddress, recording: Recording) {
      self.gateway = gateway
      self.recording = recording
    }

    func channelActive(context: ChannelHandlerContext) {
      context.fireChannelActive()
      let client = context.channel
      ClientBootstrap(group: context.eventLoop)
        .channelInitializer { RelayChannelOptions.apply(to: $0) }
        .connect(host: self.gateway.host.description, port: Int(self.gateway.port))
        .assumeIsolated()
        .flatMapThrowing { target in
          let relay = StreamRelaySession(eventLoop: client.eventLoop, limits: StreamRelaySession.Limits()) { _ in }
          for (channel, side) in [(client, StreamRelay.Side.client), (target, .target)] {
            try channel.pipeline.syncOperations.addHandler(RecordingHandler(self.recording))
            try channel.pipeline.syncOperations.addHandler(relay.handler(for: side))
          }
          client.pipeline.syncOperations.removeHandler(self, promise: nil)
          relay.begin(earlyData: ByteBuffer(), inputClosed: false)
        }
        .whenFailure { _ in client.close(promise: nil) }
    }
  }

  /// The copy.
  private final class Recording: Sendable {
    private let kept = Mutex<[UInt8]>([])

    var octets: [UInt8] { self.kept.withLock { $0 } }

    func keep(_ octets: ByteBufferView) {
      self.kept.withLock { $0 += octets.prefix(max(0, Eavesdropper.maximumKept - $0.count)) }
    }
  }

  private final class RecordingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let recording: Recording

    init(_ recording: Recording) { self.recording = recording }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      self.recording.keep(self.unwrapInboundIn(data).readableBytesView)
      context.fireChannelRead(data)
    }
  }
}
