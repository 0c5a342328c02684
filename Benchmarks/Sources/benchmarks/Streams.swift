import CBenchmark
import NIOCore
import NIOPosix
import SOCKSCore

extension Stage {
  /// One connection at a time, down and up: through our clear relay and HAProxy, then through the gateway.
  func measureStreams(_ figures: inout Figures, _ options: Options) async throws {
    let clear = UInt64(options.clearMegabytes) * 1_000_000
    for (name, child) in [("relay", self.relay)] + self.haproxy {
      for (direction, command) in [("down", "D"), ("up", "U")] {
        let letter = CChar(bitPattern: UInt8(ascii: Unicode.Scalar(command) ?? "D"))
        let meter = Meter(child)
        guard bench_load(child.port, letter, clear) == clear else { throw BenchmarkError("\(name) lost octets") }
        meter.record(&figures, "\(name) \(direction)", octets: Double(clear))
      }
    }
    let octets = options.megabytes * 1_000_000
    for level in [ProtectionLevel.integrity, .confidentiality] {
      for (direction, command) in [("down", UInt8(ascii: "D")), ("up", UInt8(ascii: "U"))] {
        let channel = try await self.connect(level: level)
        let meter = Meter(self.gateway)
        try await StreamLoad.run(on: channel, command: command, octets: octets)
        meter.record(&figures, "gateway \(direction), level \(level.rawValue)", octets: Double(octets))
      }
    }
  }
}

/// The clock and a child's counters at one moment.
private struct Meter {
  private let child: Child
  private let began = bench_now()
  private let cpu: Double
  private let faults: Int64

  init(_ child: Child) {
    self.child = child
    self.cpu = child.cpu
    self.faults = child.faults
  }

  func record(_ figures: inout Figures, _ name: String, octets: Double) {
    figures.record(name, cpu: self.child.cpu - self.cpu, octets: octets)
    figures.values["\(name): GB/s"] = octets / 1e9 / (bench_now() - self.began)
    figures.values["\(name): page faults/GB"] = Double(self.child.faults - self.faults) / (octets / 1e9)
  }
}

/// The client's end of a stream in one direction.
private final class StreamLoad: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private static let chunk = ByteBuffer(repeating: 0, count: 256 * 1_024)

  private let done: EventLoopPromise<Void>
  private var toReceive: Int
  private var toSend: Int

  private init(_ done: EventLoopPromise<Void>, toReceive: Int, toSend: Int) {
    self.done = done
    self.toReceive = toReceive
    self.toSend = toSend
  }

  static func run(on channel: any Channel, command: UInt8, octets: Int) async throws {
    let isDown = command == UInt8(ascii: "D")
    try await channel.eventLoop.flatSubmit {
      let done = channel.eventLoop.makePromise(of: Void.self)
      let load = StreamLoad(done, toReceive: isDown ? octets : 1, toSend: isDown ? 0 : octets)
      do {
        try channel.pipeline.syncOperations.addHandler(load)
        channel.writeAndFlush(ByteBuffer.command(command, count: octets), promise: nil)
        load.send(channel)
        load.send(channel)
        channel.read()
      } catch {
        done.fail(error)
      }
      return done.futureResult
    }.get()
    try? await channel.close()
  }

  /// Two chunks are under way at a time.
  private func send(_ channel: any Channel) {
    guard self.toSend > 0 else { return }
    let chunk = Self.chunk.getSlice(at: 0, length: min(self.toSend, Self.chunk.readableBytes)) ?? ByteBuffer()
    self.toSend -= chunk.readableBytes
    channel.writeAndFlush(chunk).assumeIsolated().whenSuccess { self.send(channel) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    self.toReceive -= self.unwrapInboundIn(data).readableBytes
    if self.toReceive == 0 { self.done.succeed() }
  }

  func channelReadComplete(context: ChannelHandlerContext) { if self.toReceive > 0 { context.read() } }

  func channelInactive(context: ChannelHandlerContext) { self.done.fail(BenchmarkError("the connection was lost")) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { self.done.fail(error) }
}

extension ByteBuffer {
  /// What the target is asked to do.
  static func command(_ letter: UInt8, count: Int = 0) -> ByteBuffer {
    var buffer = ByteBuffer(integer: letter)
    buffer.writeInteger(UInt64(count))
    return buffer
  }
}
