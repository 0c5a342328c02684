import NIOCore
import SOCKSNIO

/// The network end of a channel under test: records what is written and asked for, and completes writes when told.
final class WireProbe: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer

  enum Event: Equatable {
    case wrote([UInt8])
    case closedOutput
    case closed
  }

  /// Everything flushed, one entry for each write.
  private(set) var events: [Event] = []
  /// The calls of `read()`.
  private(set) var reads = 0
  /// A read was asked for and no octets have been delivered since.
  var isReadPending = false
  /// The peer has ended its stream.
  var isInputClosed = false
  /// Writes complete only when ``completeWrites()`` is called.
  var holdsWrites = false

  /// Events of the stream's beginning that came down to here.
  private(set) var streamBeginnings = 0

  private var unflushed: [(ByteBuffer, EventLoopPromise<Void>?)] = []
  private var held: [EventLoopPromise<Void>?] = []

  var octets: [UInt8] { self.writes.flatMap { $0 } }
  var writes: [[UInt8]] {
    self.events.compactMap { event in
      if case .wrote(let octets) = event { octets } else { nil }
    }
  }
  var isClosed: Bool { self.events.contains(.closed) }
  var isOutputClosed: Bool { self.events.contains(.closedOutput) }

  func forget() { self.events = [] }

  /// Completes the first that is held.
  func completeWrite() {
    guard !self.held.isEmpty else { return }
    self.held.removeFirst()?.succeed()
  }

  func completeWrites() {
    let held = self.held
    self.held = []
    for promise in held { promise?.succeed() }
  }

  func read(context: ChannelHandlerContext) {
    self.reads += 1
    self.isReadPending = true
    context.read()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !self.isClosed, !self.isOutputClosed else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    self.unflushed.append((self.unwrapOutboundIn(data), promise))
  }

  func flush(context: ChannelHandlerContext) {
    let flushed = self.unflushed
    self.unflushed = []
    for (octets, promise) in flushed {
      self.events.append(.wrote(Array(octets.readableBytesView)))
      if self.holdsWrites { self.held.append(promise) } else { promise?.succeed() }
    }
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    if event is EncapsulationHandler.StreamBegan { self.streamBeginnings += 1 }
    promise?.succeed()
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    switch mode {
    case .output:
      // An embedded channel knows no half-close. As with sockets, ending the second half closes the channel.
      self.events.append(.closedOutput)
      guard !self.isInputClosed else { return self.close(context: context, mode: .all, promise: promise) }
      promise?.succeed()
    case .input:
      promise?.succeed()
    case .all:
      guard !self.isClosed else { return context.close(mode: mode, promise: promise) }
      self.events.append(.closed)
      let failed = self.unflushed.map(\.1) + self.held
      self.unflushed = []
      self.held = []
      for promise in failed { promise?.fail(ChannelError.ioOnClosedChannel) }
      context.close(mode: mode, promise: promise)
    }
  }
}
