import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO

/// The encapsulation layer alone: 256 KiB, the work of one turn of the event loop.
enum Encapsulation {
  private static let octets = 256 * 1_024

  static func wrap(_ times: Int) throws {
    let protection = CopyingProtection()
    let handler = try EncapsulationHandler(
      protection: protection, agreed: .seen(by: protection), selective: .unlessEncrypted)
    let loop = EmbeddedEventLoop()
    let (channel, wire) = try Wire.connected([handler], loop: loop)
    let plaintext = ByteBuffer(repeating: 0x2a, count: self.octets)
    for _ in 0..<times {
      channel.writeAndFlush(plaintext, promise: nil)
      loop.run()
    }
    guard wire.octets == times * (self.octets + 16 * (4 + CopyingProtection.overhead)) else {
      throw PieceError("\(wire.octets) octets were sent")
    }
  }

  static func unwrap(_ times: Int) throws {
    let protection = CopyingProtection()
    let handler = try EncapsulationHandler(
      protection: protection, agreed: .seen(by: protection), selective: .unlessEncrypted)
    let counter = Counter()
    let loop = EmbeddedEventLoop()
    let (channel, _) = try Wire.connected([handler, counter], loop: loop)
    let message = CopyingProtection.message([UInt8](repeating: 0x2a, count: self.octets / 16))
    var messages = ByteBuffer()
    for _ in 0..<16 { messages.writeBytes(message) }
    for _ in 0..<times { channel.receive(messages.fresh) }
    guard counter.octets == times * self.octets else { throw PieceError("\(counter.octets) octets came") }
  }

  /// The application end of a channel.
  private final class Counter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private(set) var octets = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      self.octets += self.unwrapInboundIn(data).readableBytes
    }
  }
}
