public import NIOCore
public import SOCKSCore

/// Runs ``ServerNegotiation`` on a channel: octets in, messages out, deadlines, and the ways to end.
///
/// The channel must have `autoRead` off and allow remote half-closure: reads are asked for when the machine wants
/// octets, so that nothing beyond one receive buffer is taken while a step is in flight.
public final class ServerNegotiationHandler: ChannelInboundHandler, RemovableChannelHandler {
  public typealias InboundIn = ByteBuffer
  public typealias OutboundOut = ByteBuffer

  /// What may lie unread in front of a step in flight. More than this only comes when the peer has ended its stream, and
  /// the channel delivers all that the kernel held.
  public static let maximumBuffered = 1_024 * 1_024

  enum State {
    case negotiating
    case lingering(LingeringClose)
    case done
  }

  var negotiation: ServerNegotiation
  let timeouts: NegotiationTimeouts
  let selective: SelectiveSealing.Policy
  let makeEstablishment: (() -> any ContextEstablishment)?
  weak var delegate: (any ServerNegotiationDelegate)?

  var state: State = .negotiating
  var buffer = ByteBuffer()
  var isInputClosed = false
  /// True while actions are being run: what comes in between is only buffered.
  var isRunning = false
  var establishment: (any ContextEstablishment)?
  var protection: (any PerMessageProtection)?
  var steps = StepClock()
  private var hasBegun = false
  /// Where the negotiation was before the action that is being run: what a failure is reported with, and whose deadline
  /// runs.
  var phase: ServerNegotiation.Phase = .method
  var timers: CoarseTimers?
  var timer: CoarseTimers.Timer?
  var context: ChannelHandlerContext?

  /// - Parameters:
  ///   - selective: what level 3 means on this side.
  ///   - timers: of the channel's event loop, for all connections together; nil for exact ones of its own.
  ///   - establishment: makes an acceptor's context, when a client chooses GSS-API; nil where that is not served.
  ///   - delegate: kept weakly; the connection's session.
  public init(
    configuration: ServerNegotiation.Configuration, timeouts: NegotiationTimeouts,
    selective: SelectiveSealing.Policy = .always, timers: CoarseTimers? = nil,
    establishment: (() -> any ContextEstablishment)? = nil, delegate: any ServerNegotiationDelegate
  ) {
    self.negotiation = ServerNegotiation(configuration: configuration)
    self.timeouts = timeouts
    self.selective = selective
    self.timers = timers
    self.makeEstablishment = establishment
    self.delegate = delegate
  }

  /// How far the negotiation has come.
  public var currentPhase: ServerNegotiation.Phase { self.negotiation.phase }

  // MARK: Channel events

  public func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    self.timers = self.timers ?? CoarseTimers(eventLoop: context.eventLoop, isExact: true)
    if context.channel.isActive { self.begin(context) }
  }

  public func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    self.begin(context)
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard case .negotiating = self.state, !self.hasBegun else { return }
    self.hasBegun = true
    self.startTimer()
    context.read()
  }

  public func handlerRemoved(context: ChannelHandlerContext) {
    self.end()
    self.context = nil
  }

  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var octets = self.unwrapInboundIn(data)
    switch self.state {
    case .negotiating:
      if self.buffer.readableBytes == 0 { self.buffer = octets } else { self.buffer.writeBuffer(&octets) }
      guard self.buffer.readableBytes <= Self.maximumBuffered else { return self.receivedTooMuch() }
      self.proceed(context)
    case .lingering(var lingering):
      let enough = lingering.discard(octets.readableBytes)
      self.state = .lingering(lingering)
      if enough { self.close(context) }
    case .done:
      break
    }
  }

  public func channelReadComplete(context: ChannelHandlerContext) {
    if case .lingering = self.state { context.read() }
    context.fireChannelReadComplete()
  }

  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .some(.inputClosed) = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
    self.isInputClosed = true
    switch self.state {
    // A client may end its stream behind the request and its early data: then nothing more is wanted of it. Before that,
    // and while BIND listens, it has gone away, for nothing else shows that a client will not come back.
    case .negotiating: self.proceed(context)
    case .lingering: self.close(context)
    case .done: break
    }
  }

  public func channelInactive(context: ChannelHandlerContext) {
    self.giveUp(self.negotiation.departure(hasBeenSlow: self.steps.hasBeenSlow(now: context.eventLoop.now)), context)
    self.end()
    context.fireChannelInactive()
  }

  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard case .negotiating = self.state else { return self.close(context) }
    // From the encapsulation layer below: not one more octet may be sent, so there is no answer.
    self.giveUp(SOCKSError(transport: error), context)
  }
}
