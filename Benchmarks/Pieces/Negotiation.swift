import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSNIO

/// A whole session of a client: method, context, level 2, CONNECT, reply, and its end.
enum Negotiation {
  static func run(_ times: Int) throws {
    let loop = EmbeddedEventLoop()
    let timers = CoarseTimers(eventLoop: loop)
    for _ in 0..<times { try self.runOnce(loop, timers) }
  }

  private static func runOnce(_ loop: EmbeddedEventLoop, _ timers: CoarseTimers) throws {
    let delegate = Delegate()
    let handler = ServerNegotiationHandler(
      configuration: ServerNegotiation.Configuration(
        methods: [
          .gssapi(
            .init(
              levels: [.integrity, .confidentiality, .selective], requirements: .acceptor(servedNames: ["socks"]),
              maximumRounds: 1))
        ]),
      timeouts: NegotiationTimeouts(), selective: .unlessEncrypted, timers: timers,
      establishment: { Establishment(loop) },
      delegate: delegate)
    let (channel, wire) = try Wire.connected([handler], loop: loop)
    channel.receive(ByteBuffer(bytes: [0x05, 0x01, 0x01]))
    channel.receive(ByteBuffer(bytes: CopyingProtection.message([0x60], type: 0x01)))
    channel.receive(ByteBuffer(bytes: CopyingProtection.message([0x02], type: 0x02)))
    channel.receive(
      ByteBuffer(bytes: CopyingProtection.message([0x05, 0x01, 0x00, 0x01, 0xc0, 0x00, 0x02, 0x01, 0x00, 0x50])))
    guard delegate.succeeded else { throw PieceError("the negotiation failed: \(String(describing: delegate.error))") }
    // 2 for the method, 4 and 3 for the context, and two messages: the level's octet and the reply's ten.
    let expected = 2 + 7 + 2 * (4 + CopyingProtection.overhead) + 1 + 10
    guard wire.octets == expected else { throw PieceError("\(wire.octets) octets were sent, not \(expected)") }
    channel.close(promise: nil)
    loop.run()
  }

  /// A context that one token completes.
  private final class Establishment: ContextEstablishment {
    private let loop: EmbeddedEventLoop

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func step(_ token: ByteBuffer?, completion: @escaping Completion) {
      self.loop.assumeIsolated().execute {
        completion(.complete(.sufficient, token: ByteBuffer(bytes: [0x60, 0x01, 0x00])), CopyingProtection())
      }
    }
  }

  private final class Delegate: ServerNegotiationDelegate {
    private(set) var succeeded = false
    private(set) var error: SOCKSError?

    func negotiation(_ event: ServerNegotiationEvent) {
      switch event {
      case .receivedRequest(_, _, let answer):
        answer.finish(SOCKSReply(code: .succeeded, bound: SOCKSAddress(.v4(0xc000_0202), port: 4_321)))
      case .succeeded(let handover):
        self.succeeded = true
        handover.context.pipeline.syncOperations.removeHandler(handover.handler, promise: nil)
      case .failed(let error, _): self.error = error
      case .selected, .receivedCredential, .authenticated, .receivedPassword: break
      }
    }
  }
}
