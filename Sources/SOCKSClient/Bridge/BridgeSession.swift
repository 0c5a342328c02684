import Logging
import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSNIO

/// One local connection, on its event loop. What is done for its request is a ``BridgedRequest``, one type for each
/// command.
final class BridgeSession {
  private enum State {
    case negotiating
    case serving(any BridgedRequest)
    case ended
  }

  let connector: ProxyConnector
  let channel: any Channel
  /// Whose datagrams are taken.
  let user: UserID
  /// What counts its sockets.
  let descriptors: SessionDescriptors
  let logger: Logger
  private let idleTimeout: TimeAmount
  private let lines: RepeatedLines
  private let connections: BridgeConnections
  private weak var handler: ServerNegotiationHandler?
  private var state: State = .negotiating
  private var hasOpenRelay = false
  private var hasClosed = false
  var record: BridgeRecord

  init(
    _ channel: any Channel, connector: ProxyConnector, user: UserID, descriptors: SessionDescriptors,
    idleTimeout: TimeAmount, logger: Logger, lines: RepeatedLines, connections: BridgeConnections
  ) {
    self.channel = channel
    self.connector = connector
    self.user = user
    self.descriptors = descriptors
    self.idleTimeout = idleTimeout
    self.logger = logger
    self.lines = lines
    self.connections = connections
    self.record = BridgeRecord(began: channel.eventLoop.now)
  }

  /// On the channel's event loop. The session lives until the channel is closed.
  func begin() throws {
    let handler = ServerNegotiationHandler(
      configuration: ServerNegotiation.Configuration(
        methods: [.noAuthentication], commands: [.connect, .bind, .associate]),
      timeouts: NegotiationTimeouts(), delegate: self)
    let departure = DepartureHandler { [weak self] in self?.awaitsGateway ?? false }
    self.handler = handler
    try self.channel.pipeline.syncOperations.addHandlers(departure, handler)
    self.channel.closeFuture.assumeIsolated().whenComplete { _ in self.closed() }
  }

  private var awaitsGateway: Bool {
    switch self.state {
    case .serving(let request): request.awaitsGateway
    case .negotiating, .ended: false
    }
  }

  private func closed() {
    if !self.hasOpenRelay {
      self.settle(SessionEnd(.connectionClosed, by: .client, "the local program closed the connection"))
    }
    switch self.state {
    case .serving(let request): request.abandon()
    case .negotiating, .ended: break
    }
    self.hasClosed = true
    if !self.hasOpenRelay { self.conclude() }
  }

  // MARK: The end

  /// How the session ends. The first call is the one that counts.
  func settle(_ end: SessionEnd) {
    let end = self.connections.isTimeUp ? SessionEnd(.stopped, "the bridge has stopped") : end
    _ = self.record.outcome.set(end.during(self.phase))
  }

  private var phase: SessionPhase {
    if self.record.agreed != nil { return .relaying }
    return self.handler.map { SessionPhase($0.currentPhase) } ?? .method
  }

  /// The connection and the relay are gone: the record is complete.
  private func conclude() {
    self.state = .ended
    let (level, metadata) = (self.record.level, self.record.metadata(ended: self.channel.eventLoop.now))
    if self.record.target == nil, level < .warning {
      self.lines.log(self.record.kind, level: level, "session ended", metadata: metadata)
    } else {
      self.logger.log(level: level, "session ended", metadata: metadata)
    }
  }

  // MARK: For requests

  func makeAttempt() -> ConnectionAttempt {
    self.connector.makeAttempt(on: self.channel.eventLoop, descriptors: self.descriptors)
  }

  /// An error of the connector's, or one of this program's own.
  func described(_ error: any Error) -> ProxyConnectorError {
    if let error = error as? ProxyConnectorError { return error }
    let isShortage = SystemShortage.isCause(of: error)
    return ProxyConnectorError(
      isShortage ? .tooBusy : .internalError, self.connector.configuration, detail: escaped(words(for: error)))
  }

  func log(_ error: ProxyConnectorError) {
    // With the local program gone, the rest is given up.
    guard self.channel.isActive else { return }
    self.logger.error("\(error)", metadata: ["target": "\(self.record.targetText)"])
  }

  /// The gateway has done what was asked, with this protection.
  func relayBegins(agreed: String) {
    self.record.agreed = agreed
    self.logger.info("session began", metadata: ["target": "\(self.record.targetText)", "agreed": "\(agreed)"])
  }

  /// A relay whose beginning and end are logged.
  private func makeRelay(with proxied: ProxiedChannel) -> StreamRelaySession {
    self.relayBegins(agreed: proxied.summary)
    self.hasOpenRelay = true
    let limits = StreamRelaySession.Limits(idle: self.idleTimeout)
    return StreamRelaySession(eventLoop: self.channel.eventLoop, limits: limits) { end in
      self.relayEnded(end, proxied.ticket)
    }
  }

  /// Takes the negotiation's place in the local pipeline, and relays.
  func relay(_ start: ServerNegotiationHandover, with proxied: ProxiedChannel) {
    let relay = self.makeRelay(with: proxied)
    let pipeline = start.context.pipeline.syncOperations
    do {
      try pipeline.addHandler(relay.handler(for: .client), position: .after(start.handler))
      try proxied.channel.pipeline.syncOperations.addHandler(relay.handler(for: .target))
    } catch {
      self.settle(SessionEnd(.connectionClosed, by: .target, "the gateway closed the connection"))
      relay.end()
      proxied.channel.close(promise: nil)
      return start.context.close(promise: nil)
    }
    pipeline.removeHandler(start.handler, promise: nil)
    relay.begin(earlyData: start.earlyData, inputClosed: start.inputClosed)
  }

  private func relayEnded(_ end: StreamRelaySession.End, _ ticket: TicketEnd) {
    self.record.bytesUp = end.octetsFromClient
    self.record.bytesDown = end.octetsFromTarget
    if let end = SessionEnd(end.cause) {
      self.settle(ticket.explaining(end, now: self.channel.eventLoop.now))
    }
    self.hasOpenRelay = false
    if self.hasClosed { self.conclude() }
  }
}

extension BridgeSession: ServerNegotiationDelegate {
  func negotiation(_ event: ServerNegotiationEvent) {
    switch event {
    case .receivedRequest(let command, let destination, let answer): self.serve(command, destination, answer)
    case .succeeded(let handover): self.succeeded(handover)
    // Of a refused request the reason is known already.
    case .failed(let error, let phase): self.settle(SessionEnd(error, from: .client, in: SessionPhase(phase)))
    // The one method is none at all: nobody sends a credential.
    case .selected, .receivedCredential, .authenticated: break
    case .receivedPassword(_, let answer): answer.finish(.notChecked)
    }
  }

  private func serve(_ command: ServedCommand, _ destination: SOCKSAddress, _ answer: RequestAnswer) {
    self.record.target = destination
    let bridged: any BridgedRequest =
      switch command {
      case .connect: BridgedConnect(destination, of: self)
      case .bind: BridgedBind(destination, of: self, announce: { answer.announce($0) })
      case .associate: BridgedAssociation(destination, of: self)
      }
    self.state = .serving(bridged)
    bridged.begin { result in
      switch result {
      case .success(let bound):
        answer.finish(SOCKSReply(code: .succeeded, bound: bound))
      case .failure(let error):
        self.log(error)
        self.settle(error.end)
        answer.finish(SOCKSReply(code: error.localReplyCode))
      }
    }
  }

  private func succeeded(_ handover: ServerNegotiationHandover) {
    guard case .serving(let request) = self.state else { return handover.context.close(promise: nil) }
    request.replied(handover)
  }
}
