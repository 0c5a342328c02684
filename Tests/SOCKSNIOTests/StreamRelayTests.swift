import Glibc
public import NIOCore
public import NIOEmbedded
import SOCKSCore
import Testing

@testable import SOCKSNIO

@Suite struct StreamRelayTests {
  /// Two wires on one loop with a relay between them.
  private final class Harness {
    let client: Wire
    let target: Wire
    private(set) weak var session: StreamRelaySession?
    private(set) var ends: [StreamRelaySession.End] = []
    var events: [String] = []

    init(
      limits: StreamRelaySession.Limits = .init(
        highWaterMark: 1_000, idle: .seconds(100), halfClosed: .seconds(10)),
      earlyData: [UInt8] = [], inputClosed: Bool = false
    ) throws {
      let loop = EmbeddedEventLoop()
      self.client = try Wire(loop: loop)
      self.target = try Wire(loop: loop)
      let session = StreamRelaySession(eventLoop: loop, limits: limits) { [weak self] end in self?.ends.append(end) }
      self.session = session
      try self.client.connect()
      try self.target.connect()
      try self.client.channel.pipeline.syncOperations.addHandler(session.handler(for: .client))
      try self.target.channel.pipeline.syncOperations.addHandler(session.handler(for: .target))
      session.begin(earlyData: ByteBuffer(bytes: earlyData), inputClosed: inputClosed)
      loop.run()
    }

    func advance(_ time: TimeAmount) { self.client.advance(time) }
  }

  @Test func octetsCrossBothWays() throws {
    let harness = try Harness()
    harness.client.receive([0x01, 0x02])
    harness.target.receive([0x03])
    harness.client.receive([0x04])
    #expect(harness.target.probe.octets == [0x01, 0x02, 0x04] && harness.client.probe.octets == [0x03])
    #expect(harness.session?.octetsFromClient == 3 && harness.session?.octetsFromTarget == 1)
    #expect(harness.ends.isEmpty)
  }

  /// Protection, on whichever side it is, is told where the negotiation ends and the stream begins.
  @Test func bothSidesAreToldOfTheStream() throws {
    let harness = try Harness()
    #expect(harness.client.probe.streamBeginnings == 1 && harness.target.probe.streamBeginnings == 1)
  }

  /// One read may come in many parts: all of them cross in order, whatever comes behind them before the read is complete,
  /// and count as unwritten until the last one is written.
  @Test(arguments: StreamRelay.Side.allCases, ["complete", "end", "fault"])
  func partsOfOneRead(side: StreamRelay.Side, behind: String) throws {
    let harness = try Harness()
    let (near, far) = side == .client ? (harness.client, harness.target) : (harness.target, harness.client)
    let reads = near.probe.reads
    far.probe.holdsWrites = true
    for count in [1, 600, 500] {
      near.channel.pipeline.fireChannelRead(ByteBuffer(repeating: UInt8(count % 251), count: count))
    }
    switch behind {
    case "complete": near.channel.pipeline.fireChannelReadComplete()
    case "end": near.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    default: near.channel.pipeline.fireErrorCaught(SOCKSError(.protectionFailed))
    }
    #expect(far.probe.writes.map(\.count) == [1, 600, 500])
    if behind == "complete" {
      // More than the mark waits.
      #expect(near.probe.reads == reads)
      far.probe.completeWrites()
      #expect(near.probe.reads == reads + 1)
    }
    if behind == "end" {
      #expect(!far.probe.isOutputClosed)
      far.probe.completeWrites()
      #expect(far.probe.isOutputClosed)
    }
    if behind == "fault" {
      #expect(harness.ends.map(\.cause) == [.failed(SOCKSError(.protectionFailed), on: side)])
    }
  }

  @Test func earlyDataGoesFirst() throws {
    let harness = try Harness(earlyData: [0x01, 0x02])
    // At once: nothing else may come.
    #expect(harness.target.probe.writes == [[0x01, 0x02]])
    harness.client.receive([0x03])
    #expect(harness.target.probe.writes == [[0x01, 0x02], [0x03]])
    #expect(harness.session?.octetsFromClient == 3)
  }

  @Test func anEndBehindEarlyDataIsCarriedAcross() throws {
    let harness = try Harness(earlyData: [0x01], inputClosed: true)
    #expect(harness.target.probe.events == [.wrote([0x01]), .closedOutput])
    harness.target.receive([0x02])
    #expect(harness.client.probe.octets == [0x02] && harness.ends.isEmpty)
    harness.target.receiveEnd()
    #expect(harness.ends.map(\.cause) == [.completed(first: .client)])
  }

  @Test func aSlowWriterStopsTheReader() throws {
    for (isClient, source, sink) in [(true, \Harness.client, \Harness.target), (false, \.target, \.client)] {
      let harness = try Harness()
      let (from, to) = (harness[keyPath: source], harness[keyPath: sink])
      to.probe.holdsWrites = true
      from.receive([UInt8](repeating: 0x01, count: 999))
      #expect(from.probe.isReadPending)
      from.receive([0x02])
      #expect(!from.probe.isReadPending)
      from.receive([0x03])
      #expect(from.unread == 1 && to.probe.octets.count == 1_000)
      // The other direction goes on.
      to.receive([0x04])
      #expect(from.probe.octets == [0x04])
      to.probe.holdsWrites = false
      to.probe.completeWrites()
      from.pump()
      #expect(from.unread == 0 && to.probe.octets.count == 1_001)
      let totals = (harness.session?.octetsFromClient, harness.session?.octetsFromTarget)
      #expect(totals.0 == (isClient ? 1_001 : 1) && totals.1 == (isClient ? 1 : 1_001))
    }
  }

  @Test func anEndWaitsForTheOctetsBeforeIt() throws {
    let harness = try Harness()
    harness.target.probe.holdsWrites = true
    harness.client.receive([0x01])
    harness.client.receiveEnd()
    #expect(!harness.target.probe.isOutputClosed)
    harness.target.probe.completeWrites()
    #expect(harness.target.probe.events == [.wrote([0x01]), .closedOutput])
  }

  @Test func bothEndsCloseBothSides() throws {
    for clientFirst in [true, false] {
      let harness = try Harness()
      let (first, second) = clientFirst ? (harness.client, harness.target) : (harness.target, harness.client)
      first.receiveEnd()
      #expect(second.probe.isOutputClosed && harness.ends.isEmpty)
      second.receive([0x01])
      second.receive([0x02])
      #expect(first.probe.octets == [0x01, 0x02])
      second.receiveEnd()
      #expect(first.probe.isClosed && second.probe.isClosed)
      #expect(harness.ends.map(\.cause) == [.completed(first: clientFirst ? .client : .target)])
      let end = try #require(harness.ends.first)
      #expect(end.octetsFromClient == (clientFirst ? 0 : 2) && end.octetsFromTarget == (clientFirst ? 2 : 0))
      #expect(!harness.client.channel.wasReset && !harness.target.channel.wasReset)
      harness.advance(.hours(1))
      #expect(harness.ends.count == 1 && harness.session == nil)
    }
  }

  /// The second end arrives as the channel's end, while octets before it are still on their way.
  @Test func theSecondEndWaitsForTheOctetsBeforeIt() throws {
    for clientFirst in [true, false] {
      let harness = try Harness()
      let (first, second) = clientFirst ? (harness.client, harness.target) : (harness.target, harness.client)
      first.receiveEnd()
      first.probe.holdsWrites = true
      second.receive([0x01])
      second.receiveEnd()
      #expect(second.probe.isClosed && !first.probe.isClosed && harness.ends.isEmpty)
      first.probe.completeWrites()
      harness.advance(.zero)
      #expect(first.probe.octets == [0x01] && first.probe.isClosed && !first.channel.wasReset)
      #expect(harness.ends.map(\.cause) == [.completed(first: clientFirst ? .client : .target)])
    }
  }

  @Test func aFailureResetsTheFarSide() throws {
    let error = SOCKSError(.replayDetected)
    for clientFails in [true, false] {
      let harness = try Harness()
      let failing = clientFails ? harness.client : harness.target
      harness.client.receive([0x01])
      failing.channel.pipeline.fireErrorCaught(error)
      #expect(harness.client.probe.isClosed && harness.target.probe.isClosed)
      #expect(!harness.client.probe.isOutputClosed && !harness.target.probe.isOutputClosed)
      #expect(harness.client.channel.wasReset && harness.target.channel.wasReset)
      #expect(harness.ends.map(\.cause) == [.failed(error, on: clientFails ? .client : .target)])
      harness.advance(.hours(1))
      #expect(harness.ends.count == 1 && harness.session == nil)
    }
  }

  @Test func aBrokenConnectionEndsTheRelay() throws {
    for clientBreaks in [true, false] {
      let harness = try Harness()
      let (broken, other) = clientBreaks ? (harness.client, harness.target) : (harness.target, harness.client)
      broken.hangUp()
      #expect(other.probe.isClosed && other.channel.wasReset)
      #expect(
        harness.ends.map(\.cause) == [.failed(SOCKSError(.connectionClosed), on: clientBreaks ? .client : .target)])
    }
  }

  @Test func aFailedWriteEndsTheRelay() throws {
    let harness = try Harness()
    // The far side takes nothing more.
    harness.target.channel.close(mode: .output, promise: nil)
    harness.client.receive([0x01])
    #expect(harness.ends.map(\.cause) == [.failed(SOCKSError(.connectionClosed), on: .target)])
    #expect(harness.client.probe.isClosed && harness.client.channel.wasReset)
  }

  @Test func idleTime() throws {
    let harness = try Harness()
    for (wire, seconds) in [(harness.client, 99), (harness.target, 99)] {
      harness.advance(.seconds(Int64(seconds)))
      wire.receive([0x01])
    }
    harness.advance(.seconds(100) - .nanoseconds(1))
    #expect(harness.ends.isEmpty)
    harness.advance(.nanoseconds(1))
    #expect(harness.ends.map(\.cause) == [.idle(isHalfClosed: false)])
    #expect(harness.client.probe.isClosed && harness.target.probe.isClosed)
  }

  @Test func readingAndWritingAreBothActivity() throws {
    let harness = try Harness()
    harness.target.probe.holdsWrites = true
    for event in [{ harness.client.receive([0x01]) }, { harness.target.probe.completeWrites() }] {
      harness.advance(.seconds(99))
      event()
    }
    harness.advance(.seconds(100) - .nanoseconds(1))
    #expect(harness.ends.isEmpty)
    harness.advance(.nanoseconds(1))
    #expect(harness.ends.count == 1)
  }

  @Test func idleTimeWhenHalfClosed() throws {
    let harness = try Harness()
    harness.advance(.seconds(50))
    harness.client.receive([0x01])
    harness.client.receiveEnd()
    harness.advance(.seconds(9))
    harness.target.receive([0x01])
    harness.advance(.seconds(10) - .nanoseconds(1))
    #expect(harness.ends.isEmpty)
    harness.advance(.nanoseconds(1))
    #expect(harness.ends.map(\.cause) == [.idle(isHalfClosed: true)])
  }

  /// Both streams have ended, but one side takes nothing: the limit still holds.
  @Test func idleTimeWhenBothHaveEndedAndOctetsAreUnwritten() throws {
    let harness = try Harness()
    harness.target.probe.holdsWrites = true
    harness.client.receive([0x01])
    harness.client.receiveEnd()
    harness.target.receiveEnd()
    harness.advance(.seconds(10) - .nanoseconds(1))
    #expect(harness.ends.isEmpty)
    harness.advance(.nanoseconds(1))
    #expect(harness.ends.map(\.cause) == [.idle(isHalfClosed: true)])
  }

  /// Each state has its own limit, whichever is longer.
  @Test(arguments: [nil, 3, 10] as [Int64?])
  func aHalfClosedStreamHasItsOwnTime(halfClosed: Int64?) throws {
    let limits = StreamRelaySession.Limits(idle: .seconds(5), halfClosed: halfClosed.map { .seconds($0) })
    let harness = try Harness(limits: limits)
    harness.client.receiveEnd()
    harness.advance(.seconds(halfClosed ?? 5) - .nanoseconds(1))
    #expect(harness.ends.isEmpty)
    harness.advance(.nanoseconds(1))
    #expect(harness.ends.map(\.cause) == [.idle(isHalfClosed: true)])
  }

  @Test func aLimitFromOutside() throws {
    let harness = try Harness()
    harness.session?.end()
    #expect(harness.ends.map(\.cause) == [.endedByOwner] && harness.client.probe.isClosed)
    #expect(harness.target.probe.isClosed)
  }
}

/// An embedded channel has no socket: what would turn its close into a reset is noted.
extension EmbeddedChannel: @retroactive SocketOptionProvider {
  private struct ResetNote: ChannelOption {
    typealias Value = Bool
  }

  var wasReset: Bool { self.options.contains { $0.option is ResetNote } }

  public func unsafeSetSocketOption<Value: Sendable>(
    level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option, value: Value
  ) -> EventLoopFuture<Void> {
    let resets = (value as? linger).map { $0.l_onoff == 1 && $0.l_linger == 0 } ?? false
    guard resets, level == .socket, name == .so_linger else {
      return self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    return self.setOption(ResetNote(), value: true)
  }

  public func unsafeGetSocketOption<Value: Sendable>(
    level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option
  ) -> EventLoopFuture<Value> {
    self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
  }

  public func unsafeSetSocketOption<Value: Sendable>(
    level: SocketOptionLevel, name: SocketOptionName, value: Value
  ) -> EventLoopFuture<Void> {
    self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
  }

  public func unsafeGetSocketOption<Value: Sendable>(
    level: SocketOptionLevel, name: SocketOptionName
  ) -> EventLoopFuture<Value> {
    self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
  }
}
