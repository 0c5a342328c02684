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
    case dialling(DialAttempt)
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
    let eventLoop = channel.eventLoop
    let handler = ServerNegotiationHandler(
      configuration: services.negotiation, timeouts: services.timeouts, selective: services.selective,
      establishment: { services.makeEstablishment(eventLoop) }, delegate: session)
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
    case .relaying: break
    case .negotiating, .dialling, .connected, .ended: self.end(SOCKSError(.connectionClosed, "the gateway is stopping"))
    }
  }

  func end(_ error: SOCKSError) {
    if self.record.error == nil { self.record.error = error }
    switch self.state {
    case .relaying(let relay): relay.end(error)
    // After a refusal the channel lingers for a while.
    case .negotiating, .dialling, .connected, .ended: self.channel.close(promise: nil)
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
    let attempt = DialAttempt(eventLoop: self.channel.eventLoop)
    self.state = .dialling(attempt)
    // In the loop's next turn: completions may not come before this call has returned, and many failures are known at
    // once.
    self.channel.eventLoop.assumeIsolated().execute {
      self.dial(request, attempt, completion)
    }
  }

  private func dial(
    _ request: SOCKSRequest, _ attempt: DialAttempt, _ completion: @escaping (SOCKSReply, SOCKSError?) -> Void
  ) {
    guard case .dialling = self.state else { return }
    switch self.access(for: request) {
    case .failure(let error):
      Self.refuse(error, completion)
    case .success(let access):
      var hasAllowed = false
      let dial = self.services.dialler.dial(access.host, port: access.port, attempt: attempt) { address in
        let decision = self.services.policy.decision(for: access, reaching: address)
        // Until one is reached: the rule of the first address, or of the first that may be dialled.
        if self.record.rule == nil || decision.isAllowed && !hasAllowed { self.record.rule = decision.rule }
        hasAllowed = hasAllowed || decision.isAllowed
        return decision
      }
      dial.assumeIsolated().whenComplete { result in
        switch result {
        case .success(let target): self.dialled(target, access, completion)
        case .failure(let error):
          Self.refuse((error as? SOCKSError) ?? SOCKSError(.targetFailed, "\(error)"), completion)
        }
      }
    }
  }

  private static func refuse(_ error: SOCKSError, _ completion: (SOCKSReply, SOCKSError?) -> Void) {
    completion(SOCKSReply(code: SOCKSReplyCode(refusing: error)), error)
  }

  /// What the rules are asked; an error when the answer is known before anything is resolved.
  private func access(for request: SOCKSRequest) -> Result<AccessRequest, SOCKSError> {
    guard let identity = self.identity else {
      return .failure(SOCKSError(.refusedByRule, "the principal's name cannot be read"))
    }
    guard case .address(let client)? = self.record.client?.host else {
      return .failure(SOCKSError(.refusedByRule, "the client has no address"))
    }
    let host: TargetHost =
      switch request.destination.host {
      case .address(let address): .address(address)
      case .name(let name): TargetHost(domainName: name.text)
      }
    let access = AccessRequest(
      command: .connect, identity: identity, client: client, host: host, port: request.destination.port)
    // Who may not connect causes no query.
    if case .refused(let decision) = self.services.policy.preliminaryDecision(for: access) {
      self.record.rule = decision.rule
      return .failure(SOCKSError(.refusedByRule, decision.description))
    }
    return .success(access)
  }

  private func dialled(
    _ target: any Channel, _ access: AccessRequest, _ completion: (SOCKSReply, SOCKSError?) -> Void
  ) {
    guard case .dialling = self.state, self.channel.isActive else { return target.close(promise: nil) }
    guard target.isActive else {
      return Self.refuse(SOCKSError(.targetFailed, "the target closed the connection at once"), completion)
    }
    self.state = .connected(target)
    self.record.reached = target.remoteAddress.flatMap(SOCKSAddress.init)
    if case .address(let address)? = self.record.reached?.host {
      self.record.rule = self.services.policy.decision(for: access, reaching: address).rule
    }
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

  /// Nothing becomes of the target: what there is of it goes.
  private func closeTarget() {
    switch self.state {
    case .dialling(let attempt):
      self.state = .ended
      attempt.giveUp()
    case .connected(let target):
      self.state = .ended
      target.close(promise: nil)
    case .negotiating, .relaying, .ended: break
    }
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
    self.services.logger.log(
      level: self.record.logLevel, "session ended",
      metadata: self.record.metadata(ended: self.channel.eventLoop.now))
    // Last: the gateway may stop with its last session.
    self.services.registry.remove(id: self.record.id)
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
