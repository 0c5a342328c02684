import NIOCore
import NIOEmbedded

/// A channel whose octets come as from a socket with `autoRead` off: one segment for each read that was asked for.
final class Wire {
  let loop: EmbeddedEventLoop
  let channel: EmbeddedChannel
  let probe = WireProbe()
  private var segments: [[UInt8]] = []
  private var endsInput = false

  init(_ handlers: [any ChannelHandler] = [], loop: EmbeddedEventLoop = EmbeddedEventLoop()) throws {
    self.loop = loop
    self.channel = EmbeddedChannel(handlers: [self.probe] + handlers, loop: loop)
  }

  func connect() throws {
    try self.channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1080), promise: nil)
    self.loop.run()
  }

  /// Octets that have not been read yet.
  var unread: Int { self.segments.reduce(0) { $0 + $1.count } }

  /// Lets a segment arrive, and delivers what is being asked for.
  func receive(_ octets: [UInt8]) {
    if !octets.isEmpty { self.segments.append(octets) }
    self.pump()
  }

  func receive(segments: [[UInt8]]) {
    self.segments += segments.filter { !$0.isEmpty }
    self.pump()
  }

  /// The peer ends its stream behind what it has sent.
  func receiveEnd() {
    self.endsInput = true
    self.pump()
  }

  /// Delivers without being asked.
  func force(_ octets: [UInt8]) {
    self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: octets))
    self.channel.pipeline.fireChannelReadComplete()
    self.loop.run()
  }

  /// The peer's end. As with sockets, it is the channel's end where the sending side is ended already.
  func forceEnd() {
    guard !self.probe.isOutputClosed else { return self.hangUp() }
    self.probe.isInputClosed = true
    self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    self.loop.run()
  }

  /// The connection breaks.
  func hangUp() {
    self.channel.close(promise: nil)
    self.loop.run()
  }

  func pump() {
    self.loop.run()
    while self.probe.isReadPending, !self.probe.isClosed {
      if !self.segments.isEmpty {
        self.probe.isReadPending = false
        self.force(self.segments.removeFirst())
      } else if self.endsInput {
        self.endsInput = false
        self.probe.isReadPending = false
        self.forceEnd()
      } else {
        break
      }
    }
  }

  func advance(_ time: TimeAmount) {
    self.loop.advanceTime(by: time)
    self.pump()
  }
}

/// Every way of cutting octets into two segments, and octet by octet.
func splits(of octets: [UInt8]) -> [[[UInt8]]] {
  (0...octets.count).map { [Array(octets[..<$0]), Array(octets[$0...])] } + [octets.map { [$0] }]
}
