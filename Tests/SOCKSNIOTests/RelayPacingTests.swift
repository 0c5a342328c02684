import NIOCore
import NIOEmbedded
import SOCKSCore
import Testing

@testable import SOCKSNIO

/// A relay whose throttle gives each turn a fixed time after the one before it.
@Suite struct RelayPacingTests {
  private final class Throttle: RelayThrottle {
    static let pace: TimeAmount = .seconds(1)
    private(set) var received: [Int] = []
    private var free = NIODeadline.uptimeNanoseconds(0)
    private var hasTurn = false

    func delay(beforeReadingFrom side: StreamRelay.Side, now: NIODeadline) -> TimeAmount {
      guard side == .client, !self.hasTurn else { return .zero }
      self.hasTurn = true
      let delay = self.free > now ? self.free - now : .zero
      self.free = max(self.free, now) + Self.pace
      return delay
    }

    func received(_ count: Int, from side: StreamRelay.Side, now: NIODeadline) {
      if side == .client { self.received.append(count) }
      self.hasTurn = false
    }

    var largestRead: @Sendable () -> Int { { 100 } }
  }

  private final class Harness {
    let (client, target): (Wire, Wire)
    let throttle = Throttle()
    let session: StreamRelaySession
    private(set) var ends: [StreamRelaySession.End] = []

    init(earlyData: [UInt8] = [], inputClosed: Bool = false, idle: TimeAmount = .hours(1)) throws {
      let loop = EmbeddedEventLoop()
      (self.client, self.target) = (try Wire(loop: loop), try Wire(loop: loop))
      var ended: (StreamRelaySession.End) -> Void = { _ in }
      self.session = StreamRelaySession(
        eventLoop: loop, limits: .init(highWaterMark: 10_000, idle: idle), throttle: self.throttle
      ) { ended($0) }
      ended = { [weak self] in self?.ends.append($0) }
      try self.client.connect()
      try self.target.connect()
      try self.client.channel.pipeline.syncOperations.addHandler(self.session.handler(for: .client))
      try self.target.channel.pipeline.syncOperations.addHandler(self.session.handler(for: .target))
      self.session.begin(earlyData: ByteBuffer(bytes: earlyData), inputClosed: inputClosed)
      loop.run()
    }

    var passed: Int { self.target.probe.octets.count }
  }

  @Test func earlyDataTakesItsTime() throws {
    let data = pattern(350)
    let harness = try Harness(earlyData: data, inputClosed: true)
    for (second, count) in [100, 200, 300, 350].enumerated() {
      #expect(harness.passed == count, "\(second)")
      #expect(harness.target.probe.isOutputClosed == (count == 350))
      harness.client.advance(.seconds(1))
    }
    #expect(harness.target.probe.octets == data && harness.throttle.received == [100, 100, 100, 50])
    #expect(harness.session.octetsFromClient == 350)
  }

  /// A peer that ends its stream has everything delivered that the system held, without a read being asked for.
  @Test func whatComesWithTheEndOfTheStreamTakesItsTime() throws {
    let harness = try Harness()
    let data = pattern(500)
    harness.client.receive(Array(data[..<100]))
    #expect(harness.passed == 100)
    for begin in stride(from: 100, to: 500, by: 200) { harness.client.force(Array(data[begin..<begin + 200])) }
    harness.client.forceEnd()
    #expect(harness.passed == 100)
    for count in [200, 300, 400, 500] {
      #expect(!harness.target.probe.isOutputClosed)
      harness.client.advance(.seconds(1))
      #expect(harness.passed == count)
    }
    #expect(harness.target.probe.octets == data && harness.target.probe.isOutputClosed)
    // The other direction is not concerned.
    harness.target.receive([1, 2])
    #expect(harness.client.probe.octets == [1, 2])
    harness.target.receiveEnd()
    #expect(harness.ends.map(\.cause) == [.completed(first: .client)])
  }

  /// Reads go on behind what was held.
  @Test func readsComeAfterWhatIsHeld() throws {
    let harness = try Harness(earlyData: pattern(150))
    harness.client.receive([7])
    harness.client.advance(.seconds(1))
    #expect(harness.passed == 150 && harness.client.unread == 1)
    harness.client.advance(.seconds(1))
    #expect(harness.target.probe.octets == pattern(150) + [7])
  }

  /// The silence is the throttle's, not the peers'.
  @Test func waitingForATurnIsNotIdleTime() throws {
    let harness = try Harness(earlyData: pattern(300), idle: .milliseconds(300))
    for _ in 0..<20 {
      harness.client.advance(.milliseconds(100))
      #expect(harness.ends.isEmpty)
    }
    #expect(harness.passed == 300)
    harness.client.advance(.seconds(2))
    #expect(harness.ends.map(\.cause) == [.idle(isHalfClosed: false)])
  }

  /// What is held goes nowhere when the relay ends.
  @Test func theEndOfTheRelayIsItsEnd() throws {
    let harness = try Harness(earlyData: pattern(300))
    harness.session.end()
    harness.client.advance(.seconds(10))
    #expect(harness.passed == 100 && harness.ends.count == 1)
  }
}
