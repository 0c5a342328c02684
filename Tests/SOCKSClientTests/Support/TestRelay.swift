import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO

/// A gateway's relay whose target is itself: a datagram is sent back as if its target had answered.
final class TestRelay {
  /// What is done before the honest answer.
  enum Trick: Sendable, CaseIterable {
    case none
    /// The honest answer is sent twice.
    case repeated
    case inClear
    case altered
    case unsealed
    case fragment
    case otherSource
    case tooLong
    case tooShort
    case withoutHeader
    /// Answers as if another port of the target's had.
    case otherTarget
    /// Answers that the reply's address is all zeros.
    case unspecifiedAddress
    /// Answers with a name for an address.
    case namedAddress
    case noPort
    /// Ends the control connection.
    case ends
    /// Sends a message on the control connection.
    case talks
    /// Sends a message on the control connection right behind the reply.
    case talksAtOnce
  }

  private let trick: Trick
  private let control: any Channel
  private let socket: any Channel
  private let other: any Channel
  private var datagrams: DatagramProtection?
  /// Of messages that are made by hand: ahead of the honest ones.
  private var nextNumber: UInt64 = 900

  private init(_ trick: Trick, control: any Channel, socket: any Channel, other: any Channel) {
    self.trick = trick
    self.control = control
    self.socket = socket
    self.other = other
  }

  /// What the reply says.
  var bound: SOCKSAddress {
    let bound = self.socket.localAddress.flatMap(SOCKSAddress.init) ?? .unspecified
    switch self.trick {
    case .unspecifiedAddress: return SOCKSAddress(.v4(0), port: bound.port)
    case .noPort: return SOCKSAddress(.v4(0), port: 0)
    case .namedAddress:
      return (try? SOCKSHost("relay.test")).map { SOCKSAddress(host: $0, port: bound.port) } ?? bound
    default: return bound
    }
  }

  static func make(_ trick: Trick, control: any Channel, _ made: @escaping (TestRelay) -> Void) {
    func bind() -> EventLoopFuture<any Channel> {
      DatagramBootstrap(group: control.eventLoop)
        .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
        .bind(host: "127.0.0.1", port: 0)
    }
    bind().and(bind()).assumeIsolated().whenSuccess { socket, other in
      made(TestRelay(trick, control: control, socket: socket, other: other))
    }
  }

  /// The reply is on its way.
  func begin(_ negotiation: ServerNegotiationHandler) {
    do {
      let pipeline = self.control.pipeline.syncOperations
      if self.trick == .talksAtOnce { self.control.writeAndFlush(ByteBuffer(bytes: [0x21]), promise: nil) }
      self.datagrams = try pipeline.handler(type: EncapsulationHandler.self).beginDatagrams()
      let (socket, other) = (self.socket, self.other)
      try pipeline.addHandler(
        AssociationControlHandler { _ in
          socket.close(promise: nil)
          other.close(promise: nil)
        })
      pipeline.removeHandler(negotiation, promise: nil)
      try self.socket.pipeline.syncOperations.addHandler(Handler(self))
    } catch {
      self.control.close(promise: nil)
    }
  }

  private func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
    let client = envelope.remoteAddress
    guard let datagrams = self.datagrams, let (header, data) = try? datagrams.open(envelope.data) else { return }
    func message(_ header: UDPRequestHeader) -> ByteBuffer {
      var message = ByteBuffer()
      try? datagrams.protect(data, header: header, into: &message)
      return message
    }
    var clear = ByteBuffer()
    header.encode(into: &clear)
    clear.writeImmutableBuffer(data)
    switch self.trick {
    case .none, .unspecifiedAddress, .namedAddress, .noPort, .talksAtOnce: break
    case .repeated:
      let message = message(header)
      self.send(message, to: client)
      return self.send(message, to: client)
    case .inClear: self.send(clear, to: client)
    case .altered:
      // The octet behind the number, which no genuine token has.
      var message = message(header)
      message.setInteger(UInt8(0x7f), at: message.readerIndex + 4 + 8)
      self.send(message, to: client)
    case .unsealed:
      var message = ByteBuffer(bytes: [0x01, 0x03])
      message.writeMultipleIntegers(UInt16(clamping: 9 + clear.readableBytes), self.nextNumber, UInt8(0))
      message.writeImmutableBuffer(clear)
      self.send(message, to: client)
    case .fragment: self.send(message(UDPRequestHeader(fragment: 0x81, destination: header.destination)), to: client)
    case .otherSource:
      self.other.writeAndFlush(AddressedEnvelope(remoteAddress: client, data: message(header)), promise: nil)
    case .tooLong:
      var message = message(header)
      message.writeInteger(UInt8(0))
      self.send(message, to: client)
    case .tooShort:
      let message = message(header)
      self.send(message.getSlice(at: message.readerIndex, length: message.readableBytes - 1) ?? message, to: client)
    case .withoutHeader:
      var message = ByteBuffer(bytes: [0x01, 0x03])
      message.writeMultipleIntegers(UInt16(9 + 2), self.nextNumber, UInt8(1), UInt16(0))
      self.nextNumber += 1
      self.send(message, to: client)
    case .otherTarget:
      var other = header
      other.destination.port += 1
      var message = ByteBuffer()
      try? datagrams.protect(ByteBuffer(bytes: [0x3f]), header: other, into: &message)
      self.send(message, to: client)
    case .ends: return self.control.close(promise: nil)
    case .talks:
      self.writeRaw([0x01, 0x03, 0x00, 0x0a, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0x21])
    }
    self.send(message(header), to: client)
  }

  private func send(_ message: ByteBuffer, to client: SocketAddress) {
    self.socket.writeAndFlush(AddressedEnvelope(remoteAddress: client, data: message), promise: nil)
  }

  /// Past the encapsulation.
  private func writeRaw(_ octets: [UInt8]) {
    let layer = try? self.control.pipeline.syncOperations.context(handlerType: EncapsulationHandler.self)
    layer?.writeAndFlush(NIOAny(ByteBuffer(bytes: octets)), promise: nil)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let relay: TestRelay

    init(_ relay: TestRelay) { self.relay = relay }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.relay.received(self.unwrapInboundIn(data)) }
  }
}
