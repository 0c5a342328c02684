import CBenchmark
import NIOCore
import SOCKSCore

extension Stage {
  /// Round trips of one octet at level 2, beside those of a direct connection with the same client and of
  /// one through our clear relay; they take turns.
  func measureRoundTrips(_ figures: inout Figures, count: Int) async throws {
    let direct = try await RoundTrips.begin(on: self.connectInClear(to: self.target))
    let relayed = try await RoundTrips.begin(on: self.connectInClear(to: self.relay.port))
    let proxied = try await RoundTrips.begin(on: self.connect(level: .confidentiality))
    var times: (direct: [Double], relayed: [Double], proxied: [Double]) = ([], [], [])
    for _ in 0..<20 {
      times.direct += try await direct.run(count / 20)
      times.relayed += try await relayed.run(count / 20)
      times.proxied += try await proxied.run(count / 20)
    }
    figures.record("direct", times: times.direct)
    figures.record("relay", times: times.relayed)
    figures.record("gateway, level 2", times: times.proxied)
    direct.end()
    relayed.end()
    proxied.end()
  }
}

/// One octet there and back, again and again, on one channel.
private final class RoundTrips: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  private let channel: any Channel
  private var done: EventLoopPromise<[Double]>?
  private var remaining = 0
  private var sent = 0.0
  private var times: [Double] = []

  private init(_ channel: any Channel) { self.channel = channel }

  static func begin(on channel: any Channel) async throws -> RoundTrips {
    let trips = RoundTrips(channel)
    try await channel.eventLoop.submit {
      try channel.pipeline.syncOperations.addHandler(trips)
      channel.writeAndFlush(ByteBuffer.command(UInt8(ascii: "E")), promise: nil)
    }.get()
    return trips
  }

  /// The seconds of each.
  func run(_ count: Int) async throws -> [Double] {
    try await self.channel.eventLoop.flatSubmit {
      let done = self.channel.eventLoop.makePromise(of: [Double].self)
      self.done = done
      self.remaining = max(1, count)
      self.times = []
      self.send()
      return done.futureResult
    }.get()
  }

  func end() { self.channel.close(promise: nil) }

  private func send() {
    self.sent = bench_now()
    self.channel.writeAndFlush(ByteBuffer(integer: UInt8(0x2a)), promise: nil)
    self.channel.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.times.append(bench_now() - self.sent)
    self.remaining -= 1
    if self.remaining > 0 { return self.send() }
    self.done?.succeed(self.times)
    self.done = nil
  }

  func channelInactive(context: ChannelHandlerContext) { self.done?.fail(BenchmarkError("the connection was lost")) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { self.done?.fail(error) }
}
