import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO

/// One read on one side of a relay, written to the other.
enum Relay {
  enum Direction {
    /// From the client to the target.
    case up
    case down
  }

  static func run(_ times: Int, isProtected: Bool, direction: Direction, octets: Int) throws {
    let loop = EmbeddedEventLoop()
    let session = StreamRelaySession(eventLoop: loop, limits: .init(highWaterMark: 1 << 20), onEnd: { _ in })
    var handlers: [any ChannelHandler] = []
    if isProtected {
      let protection = CopyingProtection()
      handlers.append(
        try EncapsulationHandler(
          protection: protection, agreed: .seen(by: protection), selective: .unlessEncrypted))
    }
    let (client, clientWire) = try Wire.connected(handlers + [session.handler(for: .client)], loop: loop)
    let (target, targetWire) = try Wire.connected([session.handler(for: .target)], loop: loop)
    session.begin(earlyData: ByteBuffer(), inputClosed: false)
    let plaintext = [UInt8](repeating: 0x2a, count: octets)
    let read = ByteBuffer(bytes: isProtected && direction == .up ? CopyingProtection.message(plaintext) : plaintext)
    for _ in 0..<times { (direction == .up ? client : target).receive(read.fresh) }
    let arrived = direction == .up ? targetWire.octets : clientWire.octets
    guard arrived >= times * octets, session.octetsFromClient + session.octetsFromTarget == UInt64(times * octets)
    else {
      throw PieceError("\(arrived) octets arrived")
    }
  }
}
