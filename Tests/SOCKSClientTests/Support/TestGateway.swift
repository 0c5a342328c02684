import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import Synchronization

/// A gateway on a free port whose target is itself: what comes is sent back.
final class TestGateway: Sendable {
  enum Behaviour: Sendable {
    /// Sends the greeting with the reply, then echoes; at the end of the stream sends the farewell and ends its own.
    case echo(greeting: [UInt8] = [], farewell: Int = 0)
    /// Sends the greeting with the reply, and ends its stream at once; what comes is thrown away.
    case greetAndEnd([UInt8])
    case refuse(SOCKSReplyCode)
    /// At the end of the stream sends octets that are no whole message, and ends its own.
    case endInsideToken
    /// At the first octet answers with a message that is signed only.
    case answerUnsealed
    /// Accepts, and says nothing at all.
    case silence
    /// Has all zeros in its replies for an address; a BIND's peer comes at once, and is itself.
    case unspecifiedAddress
    /// Answers a BIND with this second reply.
    case refusePeer(SOCKSReplyCode)
    /// Answers a BIND with a second reply in clear.
    case clearSecondReply
    /// The peer of a BIND never comes.
    case noPeer
    /// Sends datagrams back, and does something bad before that.
    case datagrams(TestRelay.Trick)
  }

  static let bound = SOCKSAddress(.v4(0xC000_0201), port: 4711)
  /// The peer of a BIND.
  static let peer = SOCKSAddress(.v4(0xC633_6407), port: 20)

  let listener: any Channel
  private let asked: Requests

  /// Those that have come so far.
  var requests: [(command: ServedCommand, destination: SOCKSAddress)] { self.asked.all }

  var address: SOCKSAddress {
    SOCKSAddress(.v4(0x7F00_0001), port: UInt16(clamping: self.listener.localAddress?.port ?? 0))
  }

  init(_ behaviour: Behaviour, levels: Set<ProtectionLevel> = Set(ProtectionLevel.allCases)) async throws {
    let asked = Requests()
    self.asked = asked
    self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if case .silence = behaviour { return }
          try Connection(channel, behaviour, asked).begin(levels)
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  func stop() async throws { try await self.listener.close() }

  /// Makes a gateway, lends it, and stops it.
  static func with(
    _ behaviour: Behaviour, levels: Set<ProtectionLevel> = Set(ProtectionLevel.allCases),
    _ body: (TestGateway) async throws -> Void
  ) async throws {
    let gateway = try await TestGateway(behaviour, levels: levels)
    do {
      try await body(gateway)
      try await gateway.stop()
    } catch {
      try? await gateway.stop()
      throw error
    }
  }
}

private final class Requests: Sendable {
  typealias Request = (command: ServedCommand, destination: SOCKSAddress)

  private let requests = Mutex<[Request]>([])
  var all: [Request] { self.requests.withLock { $0 } }
  func add(_ request: Request) { self.requests.withLock { $0.append(request) } }
}

private final class Connection: ServerNegotiationDelegate {
  private let channel: any Channel
  private let behaviour: TestGateway.Behaviour
  private let asked: Requests
  private var relay: TestRelay?

  init(_ channel: any Channel, _ behaviour: TestGateway.Behaviour, _ asked: Requests) {
    self.asked = asked
    self.channel = channel
    self.behaviour = behaviour
  }

  /// Longer than a busy machine takes.
  private static let timeouts = NegotiationTimeouts(
    method: .minutes(5), authentication: .minutes(5), level: .minutes(5), request: .minutes(5))

  func begin(_ levels: Set<ProtectionLevel>) throws {
    let eventLoop = self.channel.eventLoop
    let handler = ServerNegotiationHandler(
      configuration: ServerNegotiation.Configuration(
        methods: [.gssapi(.init(levels: levels, requirements: .acceptor(servedNames: ["socks"])))],
        commands: [.connect, .bind, .associate]),
      timeouts: Self.timeouts, selective: .always,
      establishment: { PlainEstablishment(on: eventLoop) }, delegate: self)
    try self.channel.pipeline.syncOperations.addHandler(handler)
    self.channel.closeFuture.assumeIsolated().whenComplete { _ in withExtendedLifetime(self) {} }
  }

  func negotiation(_ event: ServerNegotiationEvent) {
    switch event {
    case .receivedRequest(let command, let destination, let answer):
      self.asked.add((command, destination))
      self.channel.eventLoop.assumeIsolated().execute { self.serve(command, answer) }
    case .succeeded(let handover): self.succeeded(handover)
    case .selected, .receivedCredential, .receivedPassword, .authenticated, .failed: break
    }
  }

  private func serve(_ command: ServedCommand, _ answer: RequestAnswer) {
    if case .datagrams(let trick) = self.behaviour, command == .associate {
      return TestRelay.make(trick, control: self.channel) { relay in
        self.relay = relay
        answer.finish(SOCKSReply(code: .succeeded, bound: relay.bound))
      }
    }
    if case .refuse(let code) = self.behaviour {
      return answer.finish(SOCKSReply(code: code))
    }
    var bound = TestGateway.bound
    if case .unspecifiedAddress = self.behaviour { bound = SOCKSAddress(.v4(0), port: 4711) }
    guard command == .bind else { return answer.finish(SOCKSReply(code: .succeeded, bound: bound)) }
    answer.announce(bound)
    self.sendSecondReply(answer)
  }

  private func succeeded(_ handover: ServerNegotiationHandover) {
    if let relay = self.relay { return relay.begin(handover.handler) }
    do {
      try handover.context.pipeline.syncOperations.addHandler(EchoHandler(self.behaviour))
    } catch {
      return handover.context.close(promise: nil)
    }
    if handover.earlyData.readableBytes > 0 { handover.context.fireChannelRead(NIOAny(handover.earlyData)) }
    handover.context.pipeline.syncOperations.removeHandler(handover.handler, promise: nil)
  }

  private func sendSecondReply(_ answer: RequestAnswer) {
    let reply = SOCKSReply(code: .succeeded, bound: TestGateway.peer)
    switch self.behaviour {
    case .noPeer: break
    case .refusePeer(let code): answer.finish(SOCKSReply(code: code))
    case .clearSecondReply:
      var octets = ByteBuffer()
      reply.encode(into: &octets)
      let layer = try? self.channel.pipeline.syncOperations.context(handlerType: EncapsulationHandler.self)
      layer?.writeAndFlush(NIOAny(octets), promise: nil)
    default: answer.finish(reply)
    }
  }
}

private final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let behaviour: TestGateway.Behaviour

  init(_ behaviour: TestGateway.Behaviour) { self.behaviour = behaviour }

  func handlerAdded(context: ChannelHandlerContext) {
    switch self.behaviour {
    case .echo(let greeting, _): context.writeAndFlush(NIOAny(ByteBuffer(bytes: greeting)), promise: nil)
    case .greetAndEnd(let greeting):
      context.writeAndFlush(NIOAny(ByteBuffer(bytes: greeting)), promise: nil)
      context.close(mode: .output, promise: nil)
    case .refuse, .endInsideToken, .answerUnsealed, .silence, .unspecifiedAddress, .refusePeer, .clearSecondReply,
      .noPeer, .datagrams:
      break
    }
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.behaviour {
    case .greetAndEnd: break
    case .answerUnsealed:
      var frame = ByteBuffer(bytes: [0x01, 0x03, 0x00, 0x0a])
      // The level message and the reply were the first two.
      frame.writeMultipleIntegers(UInt64(3), UInt8(0), UInt8(0x21))
      self.writeRaw(frame, context)
    case .echo, .refuse, .endInsideToken, .silence, .unspecifiedAddress, .refusePeer, .clearSecondReply, .noPeer,
      .datagrams:
      context.write(data, promise: nil)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.flush()
    context.read()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return }
    if case .echo(_, let farewell) = self.behaviour, farewell > 0 {
      let written = context.writeAndFlush(NIOAny(ByteBuffer(repeating: 0x2e, count: farewell)))
      // With the other stream ended, the channel closes at once and forgets what is not written.
      return written.assumeIsolated().whenComplete { _ in context.close(mode: .output, promise: nil) }
    }
    if case .endInsideToken = self.behaviour {
      self.writeRaw(ByteBuffer(bytes: [0x01, 0x03, 0x00, 0x20, 0x00]), context)
    }
    context.close(mode: .output, promise: nil)
  }

  /// Past the encapsulation.
  private func writeRaw(_ octets: ByteBuffer, _ context: ChannelHandlerContext) {
    let layer = try? context.pipeline.syncOperations.context(handlerType: EncapsulationHandler.self)
    layer?.writeAndFlush(NIOAny(octets), promise: nil)
  }
}
