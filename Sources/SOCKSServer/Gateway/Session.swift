import Logging
import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO

/// One client connection: who it is, what it asked for, what became of it. Belongs to the connection's event loop.
///
/// What is done for a request is a ``ServedRequest``, one type for each command.
final class Session: ServerNegotiationDelegate {
  private enum State {
    case negotiating
    /// The request is being carried out, or the relay that it led to runs.
    case serving(any ServedRequest)
    case ended
  }

  let services: SessionServices
  let channel: any Channel
  private var state: State = .negotiating
  var record: SessionRecord
  /// Its place among the connections.
  let admission: AdmittedConnection
  var identity: Identity?
  /// Its place among the principal's sessions.
  var principalSession: PrincipalSession?
  var exceedsPrincipalCap = false
  /// From the relay's making to its end, which may come after the connection's: what the client sent last is still on its
  /// way to the target then.
  private var hasOpenRelay = false
  private var hasClosed = false
  private weak var handler: ServerNegotiationHandler?
  let timers: CoarseTimers
  private var expiryTimer: CoarseTimers.Timer?
  var lengthTimer: CoarseTimers.Timer?

  /// Makes the session of a channel that a listener has just accepted, on its event loop.
  static func begin(
    on channel: any Channel, of listener: Configuration.Listener, services: SessionServices,
    admission: AdmittedConnection
  ) throws {
    let session = Session(channel: channel, services: services, admission: admission)
    let bound = NIOLoopBound(session, eventLoop: channel.eventLoop)
    guard services.registry.add(bound, id: session.record.id) else {
      throw ChannelError.ioOnClosedChannel
    }
    // Keeps the session alive as long as the connection.
    channel.closeFuture.assumeIsolated().whenComplete { _ in session.closed() }
    let eventLoop = channel.eventLoop
    let client: IPAddress? = if case .address(let address)? = session.record.client?.host { address } else { nil }
    let handler = ServerNegotiationHandler(
      configuration: services.negotiation(for: listener.service(for: client)), timeouts: services.timeouts,
      selective: services.selective, timers: session.timers,
      establishment: { services.makeEstablishment(eventLoop) }, delegate: session)
    session.handler = handler
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  private init(channel: any Channel, services: SessionServices, admission: AdmittedConnection) {
    self.channel = channel
    self.admission = admission
    self.services = services
    self.timers = services.timers.timers(of: channel.eventLoop)
    self.record = SessionRecord(
      id: services.registry.makeID(), client: channel.remoteAddress.flatMap(SOCKSAddress.init),
      began: channel.eventLoop.now)
  }

  // MARK: The end

  /// How the session ends. The first call is the one that counts: what follows from that end is no other.
  func settle(_ end: SessionEnd) {
    let end = end.during(self.phase)
    guard self.record.outcome.set(end) else { return }
    self.admission.ended(end, hasSentCredential: self.record.hasSentCredential)
    self.services.trouble.sessionEnded(end)
  }

  private var phase: SessionPhase {
    switch self.state {
    case .negotiating: self.handler.map { SessionPhase($0.currentPhase) } ?? .method
    case .serving(let request):
      request.isRelaying ? .relaying : self.handler.map { SessionPhase($0.currentPhase) } ?? .serving
    case .ended: .relaying
    }
  }

  // MARK: Ends from outside

  /// The gateway is stopping: what relays may go on, the rest ends now.
  func drain() {
    if case .serving(let request) = self.state, request.isRelaying { return }
    self.end(SessionEnd(.draining))
  }

  func end(_ end: SessionEnd) {
    self.settle(end)
    if case .serving(let request) = self.state, request.isRelaying { return request.end() }
    // After a refusal the channel lingers for a while: that ends too.
    self.abandonRequest()
    self.handler?.close()
    self.channel.close(promise: nil)
  }

  // MARK: Negotiation

  func negotiationReceivedRequest(
    _ request: SOCKSRequest, announcement: @escaping (SOCKSAddress) -> Void,
    completion: @escaping (SOCKSReply) -> Void
  ) {
    self.record.target = request.destination
    let served: any ServedRequest =
      switch request.command {
      case .connect: ServedConnect(request, of: self)
      case .udpAssociate: ServedAssociation(request, of: self)
      case .bind: ServedBind(request, of: self, announce: announcement)
      default: UnservedRequest(request)
      }
    self.state = .serving(served)
    // In the loop's next turn: completions may not come before this call has returned, and many failures are known at
    // once.
    self.channel.eventLoop.assumeIsolated().execute {
      guard case .serving = self.state else { return }
      let refuse: (SessionEnd) -> Void = { end in
        self.settle(end)
        completion(SOCKSReply(code: end.replyCode))
      }
      if let end = self.refusalByLimits() { return refuse(end) }
      served.begin { result in
        switch result {
        case .success(let bound): completion(SOCKSReply(code: .succeeded, bound: bound))
        case .failure(let end): refuse(end)
        }
      }
    }
  }

  /// Whether no target at all could be allowed to this client; what each one is, is not known yet.
  func refusal(of command: AccessCommand) -> SessionEnd? {
    guard let identity = self.identity, case .address(let client)? = self.record.client?.host,
      self.services.policy.mayAllow(command, to: identity, from: client)
    else {
      return SessionEnd(.refused(.init(code: .noRule, text: "no rule allows \(command.rawValue) to this client")))
    }
    return nil
  }

  func negotiationSucceeded(
    _ handler: ServerNegotiationHandler, context: ChannelHandlerContext, earlyData: ByteBuffer, inputClosed: Bool
  ) {
    guard case .serving(let request) = self.state else { return self.channel.close(promise: nil) }
    request.replied(
      ServedRequestStart(handler: handler, context: context, earlyData: earlyData, inputClosed: inputClosed))
  }

  func negotiationFailed(_ error: SOCKSError, phase: ServerNegotiation.Phase) {
    self.record.serviceClaimed = error.serviceClaimed
    // Of a refused request the reason has been given already.
    self.settle(SessionEnd(error, from: .client, in: SessionPhase(phase)))
    self.abandonRequest()
  }

  // MARK: Endings

  /// Nothing becomes of the request: what there is of it goes.
  private func abandonRequest() {
    guard case .serving(let request) = self.state, !request.isRelaying else { return }
    self.state = .ended
    request.abandon()
  }

  func relayBegins() { self.hasOpenRelay = true }

  func relayEnded(_ end: StreamRelaySession.End) {
    self.record.bytesUp = end.octetsFromClient
    self.record.bytesDown = end.octetsFromTarget
    if let end = SessionEnd(end.cause) { self.settle(end) }
    self.hasOpenRelay = false
    if self.hasClosed { self.conclude() }
  }

  /// The connection is gone.
  private func closed() {
    if !self.hasOpenRelay { self.settle(SessionEnd(.connectionClosed, "the client closed the connection")) }
    self.abandonRequest()
    self.hasClosed = true
    if !self.hasOpenRelay { self.conclude() }
  }

  /// The connection and the relay are gone: the record is complete.
  private func conclude() {
    self.state = .ended
    self.expiryTimer?.cancel()
    self.expiryTimer = nil
    self.lengthTimer?.cancel()
    self.lengthTimer = nil
    self.principalSession = nil
    self.log()
    // Last: the gateway may stop with its last session.
    self.services.registry.remove(id: self.record.id)
  }

  /// What ends before the client has sent a credential, anybody can cause any number of times.
  private func log() {
    let level = self.record.logLevel
    let metadata = self.record.metadata(ended: self.channel.eventLoop.now).marked(self.identity.logPriority)
    if self.record.isAnonymous, level < .error {
      self.services.lines.log(self.record.kind, level: level, "session ended", metadata: metadata)
    } else {
      self.services.logger.log(level: level, "session ended", metadata: metadata)
    }
  }

  // MARK: Ticket lifetime

  /// The library goes on protecting messages after the ticket has expired: ending is up to us.
  func scheduleExpiry(_ attributes: SecurityContextAttributes) {
    guard let lifetime = attributes.lifetime else { return }
    // The library adds the clock skew it allows to what is left of an acceptor's ticket.
    let remaining = max(0, Int64(lifetime) - self.services.clockSkew)
    self.expiryTimer = self.timers.start(in: .seconds(remaining)) { [weak self] in
      guard let self else { return }
      if self.services.closesOnExpiry {
        self.end(SessionEnd(.ticketExpired))
      } else {
        self.record.outlivedTicket = true
      }
    }
  }
}
