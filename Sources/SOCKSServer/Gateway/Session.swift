import Logging
import NIOCore
import SOCKSCore
import SOCKSGSSAPI
import SOCKSNIO

/// One client connection: who it is, what it asked for, what became of it. Belongs to the connection's event loop.
final class Session: ServerNegotiationDelegate {
  private enum State {
    case negotiating
    /// The reply is due when the dial has ended.
    case dialling
    /// The target is there; the success reply is being written.
    case connected(any Channel)
    case relaying(StreamRelaySession)
    case ended
  }

  private let services: SessionServices
  private let channel: any Channel
  private var state: State = .negotiating
  private var record: SessionRecord
  private var identity: Identity?
  private var expiryTimer: Scheduled<Void>?

  /// Makes the session of a channel that has just been accepted, on its event loop.
  static func begin(on channel: any Channel, services: SessionServices) throws {
    let session = Session(channel: channel, services: services)
    let bound = NIOLoopBound(session, eventLoop: channel.eventLoop)
    guard services.registry.add(bound, id: session.record.id) else {
      throw ChannelError.ioOnClosedChannel
    }
    // Keeps the session alive as long as the connection.
    channel.closeFuture.assumeIsolated().whenComplete { _ in session.closed() }
    let acceptor = services.acceptor
    let eventLoop = channel.eventLoop
    let handler = ServerNegotiationHandler(
      configuration: services.negotiation, timeouts: services.timeouts, selective: services.selective,
      establishment: { acceptor.makeEstablishment(on: eventLoop) }, delegate: session)
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  private init(channel: any Channel, services: SessionServices) {
    self.channel = channel
    self.services = services
    self.record = SessionRecord(
      id: services.registry.makeID(), client: channel.remoteAddress.flatMap(SOCKSAddress.init),
      began: channel.eventLoop.now)
  }

  // MARK: Ends from outside

  /// The gateway is stopping: what relays may go on, the rest ends now.
  func drain() {
    switch self.state {
    case .relaying, .ended: break
    case .negotiating, .dialling, .connected: self.end(SOCKSError(.connectionClosed, "the gateway is stopping"))
    }
  }

  func end(_ error: SOCKSError) {
    if self.record.error == nil { self.record.error = error }
    switch self.state {
    case .relaying(let relay): relay.end(error)
    case .negotiating, .dialling, .connected: self.channel.close(promise: nil)
    case .ended: break
    }
  }

  // MARK: Negotiation

  func negotiationAgreed(_ agreed: AgreedProtection) {
    self.record.attributes = agreed.attributes
    self.record.level = agreed.level
    if agreed.attributes.services.contains(.anonymous) {
      self.identity = .anonymous
    } else {
      self.identity = Principal(agreed.attributes.initiatorName).map(Identity.init)
    }
    self.scheduleExpiry(agreed.attributes)
  }

  func negotiationReceivedRequest(_ request: SOCKSRequest, completion: @escaping (SOCKSReply, SOCKSError?) -> Void) {
    self.record.target = request.destination
    self.state = .dialling
    self.dial(request).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let target): self.dialled(target, completion)
      case .failure(let error):
        let error = (error as? SOCKSError) ?? SOCKSError(.targetFailed, "\(error)")
        completion(SOCKSReply(code: SOCKSReplyCode(refusing: error)), error)
      }
    }
  }

  private func dial(_ request: SOCKSRequest) -> EventLoopFuture<any Channel> {
    let eventLoop = self.channel.eventLoop
    // Completions may not come before the call has returned; refusals are known at once.
    func refused(_ detail: String) -> EventLoopFuture<any Channel> {
      let promise = eventLoop.makePromise(of: (any Channel).self)
      eventLoop.execute { promise.fail(SOCKSError(.refusedByRule, detail)) }
      return promise.futureResult
    }
    guard let identity = self.identity else { return refused("the principal's name cannot be read") }
    guard case .address(let client)? = self.record.client?.host else { return refused("the client has no address") }
    let host: TargetHost =
      switch request.destination.host {
      case .address(let address): .address(address)
      case .name(let name): TargetHost(domainName: name.text)
      }
    let access = AccessRequest(
      command: .connect, identity: identity, client: client, host: host, port: request.destination.port)
    // Before anything is resolved: who may not connect causes no query.
    if case .refused(let decision) = self.services.policy.preliminaryDecision(for: access) {
      self.record.rule = decision.rule
      return refused(decision.description)
    }
    return self.services.dialler.dial(host, port: request.destination.port, on: eventLoop) { address in
      let decision = self.services.policy.decision(for: access, reaching: address)
      self.record.rule = decision.rule
      return decision
    }
  }

  private func dialled(_ target: any Channel, _ completion: (SOCKSReply, SOCKSError?) -> Void) {
    guard case .dialling = self.state, self.channel.isActive else { return target.close(promise: nil) }
    self.state = .connected(target)
    self.record.reached = target.remoteAddress.flatMap(SOCKSAddress.init)
    let bound = target.localAddress.flatMap(SOCKSAddress.init) ?? .unspecified
    completion(SOCKSReply(code: .succeeded, bound: bound), nil)
  }

  func negotiationSucceeded(
    _ handler: ServerNegotiationHandler, context: ChannelHandlerContext, earlyData: ByteBuffer, inputClosed: Bool
  ) {
    guard case .connected(let target) = self.state else { return self.channel.close(promise: nil) }
    let relay = StreamRelaySession(eventLoop: self.channel.eventLoop, limits: self.services.relay) { [weak self] end in
      self?.relayEnded(end)
    }
    self.state = .relaying(relay)
    do {
      let pipeline = context.pipeline.syncOperations
      try pipeline.addHandler(relay.handler(for: .client), position: .after(handler))
      try target.pipeline.syncOperations.addHandler(relay.handler(for: .target))
      pipeline.removeHandler(handler, promise: nil)
    } catch {
      relay.end(SOCKSError(.connectionClosed, "\(error)"))
      target.close(promise: nil)
      return self.channel.close(promise: nil)
    }
    relay.begin(earlyData: earlyData, inputClosed: inputClosed)
  }

  func negotiationFailed(_ error: SOCKSError, phase: ServerNegotiation.Phase) {
    if self.record.error == nil { self.record.error = error }
    self.record.phase = phase
    self.closeTarget()
  }

  // MARK: Endings

  private func relayEnded(_ end: StreamRelaySession.End) {
    self.record.octetsFromClient = end.octetsFromClient
    self.record.octetsFromTarget = end.octetsFromTarget
    if self.record.error == nil { self.record.error = end.error }
  }

  private func closeTarget() {
    guard case .connected(let target) = self.state else { return }
    self.state = .ended
    target.close(promise: nil)
  }

  /// The connection is gone: the record is complete.
  private func closed() {
    if case .negotiating = self.state, self.record.error == nil {
      self.record.error = SOCKSError(.connectionClosed, "the client closed the connection")
    }
    self.closeTarget()
    self.state = .ended
    self.expiryTimer?.cancel()
    self.expiryTimer = nil
    self.services.registry.remove(id: self.record.id)
    self.services.logger.log(
      level: self.record.logLevel, "session ended",
      metadata: self.record.metadata(ended: self.channel.eventLoop.now))
  }

  // MARK: Ticket lifetime

  /// The library goes on protecting messages after the ticket has expired: ending is up to us.
  private func scheduleExpiry(_ attributes: SecurityContextAttributes) {
    guard let lifetime = attributes.lifetime else { return }
    // The library adds the clock skew it allows to what is left of an acceptor's ticket.
    let remaining = max(0, Int64(lifetime) - self.services.clockSkew)
    self.expiryTimer = self.channel.eventLoop.assumeIsolated().scheduleTask(in: .seconds(remaining)) { [weak self] in
      guard let self else { return }
      if self.services.closesOnExpiry {
        self.end(SOCKSError(.credentialsExpired, "the ticket has expired"))
      } else {
        self.record.outlivedTicket = true
      }
    }
  }
}
