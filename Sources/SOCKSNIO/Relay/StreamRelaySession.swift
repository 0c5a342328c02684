import Glibc
public import NIOCore
public import SOCKSCore

/// Runs ``StreamRelay`` on two channels of one event loop.
public final class StreamRelaySession {
  /// How a relay ended.
  public struct End: Sendable {
    public enum Cause: Hashable, Sendable {
      /// Both streams came to their ends, the one of this side first.
      case completed(first: StreamRelay.Side)
      case failed(SOCKSError, on: StreamRelay.Side)
      /// Nothing was relayed for too long.
      case idle(isHalfClosed: Bool)
      /// The owner has ended it, and knows why.
      case endedByOwner
    }

    public var cause: Cause
    public var octetsFromClient: UInt64
    public var octetsFromTarget: UInt64
  }

  public struct Limits: Sendable, Hashable {
    /// Bytes read from one side that may wait to be written to the other.
    public var highWaterMark: Int
    /// With no byte in either direction for this long, the relay ends. Bytes that the system sends on to a slow receiver
    /// count.
    public var idle: TimeAmount
    /// The same, from the end of the first stream on.
    public var halfClosed: TimeAmount

    /// - Parameter halfClosed: nil for as long as `idle`.
    public init(highWaterMark: Int = 256 * 1_024, idle: TimeAmount = .hours(2), halfClosed: TimeAmount? = nil) {
      self.highWaterMark = highWaterMark
      self.idle = idle
      self.halfClosed = halfClosed ?? idle
    }
  }

  private var relay: StreamRelay
  private let limits: Limits
  private let eventLoop: any EventLoop
  private let throttle: (any RelayThrottle)?
  /// Used only with a throttle.
  private var pacing = RelayPacing()
  private var client: ChannelHandlerContext?
  private var target: ChannelHandlerContext?
  private var onEnd: ((End) -> Void)?
  /// What has come in one read and is not written yet, for each side that it goes to.
  private var arriving = Arriving()
  private let timers: CoarseTimers
  private var idleTimer: CoarseTimers.Timer?
  private var lastActivity: NIODeadline

  /// - Parameters:
  ///   - timers: of the event loop, for all relays together; nil for exact ones of its own.
  ///   - throttle: makes reads wait.
  ///   - onEnd: called once, on the event loop.
  public init(
    eventLoop: any EventLoop, limits: Limits, timers: CoarseTimers? = nil, throttle: (any RelayThrottle)? = nil,
    onEnd: @escaping (End) -> Void
  ) {
    self.relay = StreamRelay(highWaterMark: limits.highWaterMark)
    self.limits = limits
    self.eventLoop = eventLoop
    self.timers = timers ?? CoarseTimers(eventLoop: eventLoop, isExact: true)
    self.throttle = throttle
    self.lastActivity = eventLoop.now
    self.onEnd = onEnd
  }

  /// A handler for one side's pipeline, the last one on it.
  public func handler(for side: StreamRelay.Side) -> StreamRelayHandler {
    StreamRelayHandler(session: self, side: side)
  }

  public var octetsFromClient: UInt64 { self.relay.octetsFromClient }
  public var octetsFromTarget: UInt64 { self.relay.octetsFromTarget }

  /// Both handlers are in their pipelines: begin, with what the client has sent ahead.
  public func begin(earlyData: ByteBuffer, inputClosed: Bool) {
    guard self.onEnd != nil else { return }
    // A level 3 layer may look for encryption from here on.
    for context in [self.client, self.target] {
      context?.triggerUserOutboundEvent(EncapsulationHandler.StreamBegan(), promise: nil)
      if let limit = self.throttle?.largestRead {
        context?.channel.setOption(.recvAllocator, value: PacedReceiveAllocator(limit: limit)).whenFailure { _ in }
      }
    }
    self.scheduleIdleTimer(self.limits.idle)
    if earlyData.readableBytes > 0 {
      self.received(earlyData, from: .client)
      self.writeLast(from: .client)
      self.target?.flush()
    }
    if inputClosed { self.receivedEnd(from: .client) }
    self.run(self.relay.began())
  }

  /// Ends the relay for a reason of its owner's: a limit, a shutdown.
  public func end() { self.finish(.endedByOwner) }

  // MARK: Events

  func attach(_ context: ChannelHandlerContext, side: StreamRelay.Side) {
    switch side {
    case .client: self.client = context
    case .target: self.target = context
    }
  }

  func detach(_ side: StreamRelay.Side) {
    switch side {
    case .client: self.client = nil
    case .target: self.target = nil
    }
    self.closed(side)
  }

  func received(_ bytes: ByteBuffer, from side: StreamRelay.Side) {
    guard self.onEnd != nil else { return }
    self.relay.received(bytes.readableBytes, from: side)
    guard self.throttle != nil else { return self.forward(bytes, from: side) }
    guard self.pacing[side].isReading, !self.pacing[side].holdsData else {
      self.pacing[side].hold(bytes)
      return self.takeTurn(side)
    }
    self.forward(bytes, from: side)
  }

  private func forward(_ bytes: ByteBuffer, from side: StreamRelay.Side) {
    guard let destination = self.context(of: side.other) else { return }
    // A read has many parts: only a throttle looks at the clock for each of them.
    if let throttle = self.throttle { throttle.received(bytes.readableBytes, from: side, now: self.eventLoop.now) }
    if let part = self.arriving.exchange(bytes, from: side) { destination.write(NIOAny(part), promise: nil) }
  }

  /// A read may have come in many parts, as many as it had tokens: only the last one's writing is waited for.
  private func writeLast(from side: StreamRelay.Side) {
    guard let (last, count) = self.arriving.take(from: side), let destination = self.context(of: side.other)
    else { return }
    self.lastActivity = self.eventLoop.now
    let promise = destination.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenComplete { [weak self] result in
      guard let self else { return }
      switch result {
      case .success:
        self.lastActivity = self.eventLoop.now
        self.run(self.relay.written(count, to: side.other))
      case .failure(let error):
        self.failed(side.other, SOCKSError(transport: error))
      }
    }
    destination.write(NIOAny(last), promise: promise)
  }

  func readCompleted(_ side: StreamRelay.Side) {
    self.pacing[side].isReading = false
    self.writeLast(from: side)
    self.context(of: side.other)?.flush()
    self.run(self.relay.readCompleted(side))
  }

  func receivedEnd(from side: StreamRelay.Side) {
    self.writeLast(from: side)
    self.context(of: side.other)?.flush()
    self.run(self.relay.receivedEnd(from: side))
    guard self.onEnd != nil else { return }
    self.idleTimer?.cancel()
    self.scheduleIdleTimer(self.idleLimit)
  }

  /// The side's channel has closed, without an error before it. Where its sending side was ended already, that is how
  /// the end of its stream arrives; what has come from it may still be on its way to the other side.
  func closed(_ side: StreamRelay.Side) {
    if self.relay.hasEndedOutput(to: side) { return self.receivedEnd(from: side) }
    self.failed(side, SOCKSError(.connectionClosed, "the \(side) closed the connection"))
  }

  func failed(_ side: StreamRelay.Side, _ error: SOCKSError) { self.finish(.failed(error, on: side)) }

  // MARK: Actions

  private func run(_ actions: StreamRelay.Actions) {
    guard self.onEnd != nil else { return }
    if actions.contains(.readClient) { self.read(.client) }
    if actions.contains(.readTarget) { self.read(.target) }
    // To close both sides ends their streams as well.
    if actions.contains(.finish) { return self.finish(.completed(first: self.relay.firstToEnd ?? .client)) }
    if actions.contains(.endClientOutput) { self.client?.close(mode: .output, promise: nil) }
    if actions.contains(.endTargetOutput) { self.target?.close(mode: .output, promise: nil) }
  }

  private func read(_ side: StreamRelay.Side) {
    guard self.throttle != nil else {
      self.context(of: side)?.read()
      return
    }
    self.pacing[side].wantsRead = true
    self.takeTurn(side)
  }

  /// Waits for a side's turn, and makes use of it.
  private func takeTurn(_ side: StreamRelay.Side) {
    guard let throttle = self.throttle, !self.pacing[side].isWaiting else { return }
    let delay = throttle.delay(beforeReadingFrom: side, now: self.eventLoop.now)
    guard delay > .zero || self.pacing[side].holdsData else { return self.useTurn(side) }
    self.pacing[side].isWaiting = true
    // Also without a delay in a turn of the loop of its own: what is held may be much.
    self.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
      guard let self, self.onEnd != nil else { return }
      self.pacing[side].isWaiting = false
      self.useTurn(side)
    }
  }

  private func useTurn(_ side: StreamRelay.Side) {
    if let part = self.pacing[side].release(self.throttle?.largestRead() ?? .max) {
      self.forward(part, from: side)
      self.writeLast(from: side)
      self.context(of: side.other)?.flush()
      if self.pacing[side].holdsData || self.pacing[side].wantsRead { self.takeTurn(side) }
    } else if self.pacing[side].wantsRead {
      self.pacing[side].wantsRead = false
      self.pacing[side].isReading = true
      self.context(of: side)?.read()
    }
  }

  private func finish(_ cause: End.Cause) {
    guard let onEnd = self.onEnd else { return }
    self.onEnd = nil
    self.idleTimer?.cancel()
    self.idleTimer = nil
    let end = End(
      cause: cause, octetsFromClient: self.relay.octetsFromClient,
      octetsFromTarget: self.relay.octetsFromTarget)
    let isOrderly = if case .completed = cause { true } else { false }
    // What came before a fault is good; it may have come with it, in one read.
    for side in StreamRelay.Side.allCases { self.writeLast(from: side) }
    for context in [self.client, self.target].compactMap({ $0 }) {
      context.flush()
      if !isOrderly { Self.prepareReset(context.channel) }
      context.close(promise: nil)
    }
    onEnd(end)
  }

  /// A stream that was cut short must not look like one that has ended: the close becomes a reset.
  private static func prepareReset(_ channel: any Channel) {
    guard let provider = channel as? any SocketOptionProvider else { return }
    provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
  }

  private func context(of side: StreamRelay.Side) -> ChannelHandlerContext? {
    side == .client ? self.client : self.target
  }

  // MARK: Idle time

  private var idleLimit: TimeAmount { self.relay.isHalfClosed ? self.limits.halfClosed : self.limits.idle }

  private func scheduleIdleTimer(_ delay: TimeAmount) {
    self.idleTimer = self.timers.start(in: delay) { [weak self] in self?.idleTimerEnded() }
  }

  private func idleTimerEnded() {
    guard self.onEnd != nil else { return }
    let now = self.eventLoop.now
    if self.lastActivity + self.idleLimit <= now { self.lastActivity = self.lastActivityBelow(now) }
    let remaining = self.lastActivity + self.idleLimit - now
    guard remaining > .zero else {
      return self.finish(.idle(isHalfClosed: self.relay.isHalfClosed))
    }
    self.scheduleIdleTimer(remaining)
  }

  /// The same, with what the sockets below have sent since, and what a throttle holds up.
  private func lastActivityBelow(_ now: NIODeadline) -> NIODeadline {
    if self.pacing.isWaiting { return now }
    let sent = [self.client, self.target].compactMap { context in
      context.flatMap { DeliveryProgress.lastSent(on: $0.channel, now: now) }
    }
    return max(self.lastActivity, sent.max() ?? self.lastActivity)
  }
}
