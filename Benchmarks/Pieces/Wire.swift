import NIOCore
import NIOEmbedded

/// The network end of a channel: what is written is counted, done at once, and forgotten.
final class Wire: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer

  private(set) var octets = 0

  /// A channel that is connected, with handlers from the network upwards.
  static func connected(_ handlers: [any ChannelHandler], loop: EmbeddedEventLoop) throws -> (EmbeddedChannel, Wire) {
    let wire = Wire()
    let channel = EmbeddedChannel(loop: loop)
    try channel.pipeline.syncOperations.addHandlers([wire] + handlers)
    try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1_080), promise: nil)
    loop.run()
    return (channel, wire)
  }

  func read(context: ChannelHandlerContext) {}

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    self.octets += self.unwrapOutboundIn(data).readableBytes
    promise?.succeed()
  }

  func flush(context: ChannelHandlerContext) {}
}

extension EmbeddedChannel {
  /// Lets octets come in one read.
  func receive(_ octets: ByteBuffer) {
    self.pipeline.fireChannelRead(octets)
    self.pipeline.fireChannelReadComplete()
    self.embeddedEventLoop.run()
  }
}

extension ByteBuffer {
  /// The same octets in storage of their own, as a read brings them.
  var fresh: ByteBuffer {
    var copy = ByteBufferAllocator().buffer(capacity: self.readableBytes)
    copy.writeImmutableBuffer(self)
    return copy
  }
}
