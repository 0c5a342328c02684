import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO
import Testing

/// Both negotiation handlers with real contexts over a real connection, each end on a loop of its own.
@Suite struct SocketSessionTests {
  /// A gateway whose target is an echo.
  private final class EchoSession: ServerNegotiationDelegate {
    func negotiation(_ event: ServerNegotiationEvent) {
      switch event {
      case .receivedRequest(_, _, let answer): answer.finish(SOCKSReply(code: .succeeded))
      case .succeeded(let handover):
        let pipeline = handover.context.pipeline.syncOperations
        try? pipeline.addHandler(Echo(), position: .after(handover.handler))
        pipeline.removeHandler(handover.handler, promise: nil)
      case .selected, .receivedCredential, .receivedPassword, .authenticated, .failed: break
      }
    }
  }

  /// Sends back what comes, read by read, and holds its session.
  private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    func handlerAdded(context: ChannelHandlerContext) { context.read() }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) {
      context.flush()
      context.read()
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case .some(.inputClosed) = event as? ChannelEvent else { return }
      // Behind all that is on its way: ending the second half closes the channel, whatever waits.
      let written = context.eventLoop.makePromise(of: Void.self)
      let channel = context.channel
      written.futureResult.whenComplete { _ in channel.close(promise: nil) }
      context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
    }
  }

  /// Keeps a session for as long as its channel lives.
  private final class Keeper: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let session: EchoSession
    init(_ session: EchoSession) { self.session = session }
  }

  /// Collects until the stream ends.
  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let promise: EventLoopPromise<ByteBuffer>
    private var octets = ByteBuffer()

    init(_ promise: EventLoopPromise<ByteBuffer>) { self.promise = promise }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var octets = self.unwrapInboundIn(data)
      self.octets.writeBuffer(&octets)
    }
    func channelReadComplete(context: ChannelHandlerContext) { context.read() }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case .some(.inputClosed) = event as? ChannelEvent else { return }
      self.promise.succeed(self.octets)
      context.close(promise: nil)
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.promise.fail(error) }
    func channelInactive(context: ChannelHandlerContext) { self.promise.fail(ChannelError.eof) }
  }

  @Test(arguments: ProtectionLevel.allCases)
  func aMebibyteThereAndBack(level: ProtectionLevel) async throws {
    let fixture = try await RealmFixture.ready()
    let acceptors = try fixture.acceptors()
    let initiators = fixture.initiators()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let listener = try await ServerBootstrap(group: group)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let session = EchoSession()
          let handler = ServerNegotiationHandler(
            configuration: .init(
              methods: [
                .gssapi(
                  .init(levels: Set(ProtectionLevel.allCases), requirements: .acceptor(servedNames: ["socks"])))
              ]),
            timeouts: NegotiationTimeouts(), selective: .unlessEncrypted,
            establishment: { [loop = channel.eventLoop] in acceptors.makeEstablishment(on: loop) }, delegate: session)
          try channel.pipeline.syncOperations.addHandlers(Keeper(session), handler)
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let address = try #require(listener.localAddress)

    let plaintext = ByteBuffer(
      bytes: (0..<1_048_576).map { (index: Int) -> UInt8 in UInt8((index + index / 249) & 0xff) })
    let loop = group.next()
    let result = loop.makePromise(of: ByteBuffer.self)
    _ = try await ClientBootstrap(group: loop)
      .channelOption(.autoRead, value: false)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let destination = try SOCKSAddress(host: SOCKSHost("192.0.2.1"), port: 80)
          let handler = ClientNegotiationHandler(
            configuration: .init(
              authentication: .gssapi(.init(level: level)),
              request: SOCKSRequest(command: .connect, destination: destination)),
            selective: .unlessEncrypted, establishment: initiators.makeEstablishment(on: channel.eventLoop),
            timeout: .seconds(60)
          ) { outcome in
            do {
              _ = try outcome.get()
              let pipeline = channel.pipeline.syncOperations
              try pipeline.addHandler(Collector(result))
              let handler = try pipeline.handler(type: ClientNegotiationHandler.self)
              pipeline.removeHandler(handler, promise: nil)
              channel.writeAndFlush(plaintext, promise: nil)
              channel.close(mode: .output, promise: nil)
              channel.read()
            } catch {
              result.fail(error)
            }
          }
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
      .connect(to: address).get()
    #expect(try await result.futureResult.get() == plaintext)
    try await listener.close()
    try await group.shutdownGracefully()
  }
}
