import Logging
import NIOCore
import Platform
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
  let logger: Logger
  private let idleTimeout: TimeAmount
  private let began: NIODeadline
  private var target: SOCKSAddress = .unspecified
  private var state: State = .negotiating

  init(
    _ channel: any Channel, connector: ProxyConnector, user: UserID, idleTimeout: TimeAmount, logger: Logger
  ) {
    self.channel = channel
    self.connector = connector
    self.user = user
    self.idleTimeout = idleTimeout
    self.logger = logger
    self.began = channel.eventLoop.now
  }

  /// On the channel's event loop. The session lives until the channel is closed.
  func begin() throws {
    let handler = ServerNegotiationHandler(
      configuration: ServerNegotiation.Configuration(
        methods: [.noAuthentication],
        // Never used: the method is not served.
        gss: GSSAcceptorSubnegotiation.Configuration(levels: [], requirements: .acceptor(servedNames: [])),
        commands: [.connect, .bind, .udpAssociate]),
      timeouts: NegotiationTimeouts(), selective: .always, establishment: { NoEstablishment() }, delegate: self)
    let departure = DepartureHandler { [weak self] in self?.awaitsGateway ?? false }
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
    switch self.state {
    case .serving(let request): request.abandon()
    case .negotiating, .ended: break
    }
    self.state = .ended
  }

  // MARK: For requests

  func makeAttempt() -> ConnectionAttempt { self.connector.makeAttempt(on: self.channel.eventLoop) }

  /// An error of the connector's, which has no others.
  func described(_ error: any Error) -> ProxyConnectorError {
    error as? ProxyConnectorError
      ?? ProxyConnectorError(.internalError, self.connector.configuration, detail: escaped(words(for: error)))
  }

  func log(_ error: ProxyConnectorError) {
    // With the local program gone, the rest is given up.
    guard self.channel.isActive else { return }
    self.logger.error("\(error)", metadata: ["target": "\(escaped(self.target.description))"])
  }

  func logBegin(agreed: String) {
    self.logger.info(
      "session began", metadata: ["target": "\(escaped(self.target.description))", "agreed": "\(agreed)"])
  }

  /// What every line about the session's end has.
  func endMetadata(agreed: String, sent: UInt64, received: UInt64) -> Logger.Metadata {
    let milliseconds = (self.channel.eventLoop.now - self.began).nanoseconds / 1_000_000
    return [
      "target": "\(escaped(self.target.description))", "agreed": "\(agreed)", "sent": "\(sent)",
      "received": "\(received)", "milliseconds": "\(milliseconds)",
    ]
  }

  /// A relay whose beginning and end are logged.
  private func makeRelay(with proxied: ProxiedChannel) -> StreamRelaySession {
    let agreed = proxied.summary
    self.logBegin(agreed: agreed)
    let limits = StreamRelaySession.Limits(idle: self.idleTimeout, halfClosedIdle: self.idleTimeout)
    return StreamRelaySession(eventLoop: self.channel.eventLoop, limits: limits) { end in
      self.relayEnded(end, agreed: agreed)
    }
  }

  /// Takes the negotiation's place in the local pipeline, and relays.
  func relay(_ start: BridgedRequestStart, with proxied: ProxiedChannel) {
    let relay = self.makeRelay(with: proxied)
    let pipeline = start.context.pipeline.syncOperations
    do {
      try pipeline.addHandler(relay.handler(for: .client), position: .after(start.handler))
      try proxied.channel.pipeline.syncOperations.addHandler(relay.handler(for: .target))
    } catch {
      relay.end(SOCKSError(.connectionClosed, "the gateway closed the connection"))
      proxied.channel.close(promise: nil)
      return start.context.close(promise: nil)
    }
    pipeline.removeHandler(start.handler, promise: nil)
    relay.begin(earlyData: start.earlyData, inputClosed: start.inputClosed)
  }

  private func relayEnded(_ end: StreamRelaySession.End, agreed: String) {
    var metadata = self.endMetadata(agreed: agreed, sent: end.octetsFromClient, received: end.octetsFromTarget)
    guard let error = end.error else { return self.logger.info("session ended", metadata: metadata) }
    metadata["reason"] = "\(escaped(error.description))"
    // A local program that goes away in the middle is everyday; a fault of the protected side is not.
    let level: Logger.Level = end.side == .target && error.fault != .network ? .error : .info
    self.logger.log(level: level, "session was cut short", metadata: metadata)
  }
}

extension BridgeSession: ServerNegotiationDelegate {
  func negotiationAgreed(_ agreed: AgreedProtection) {}

  func negotiationReceivedRequest(
    _ request: SOCKSRequest, announcement: @escaping (SOCKSAddress) -> Void,
    completion: @escaping (SOCKSReply, SOCKSError?) -> Void
  ) {
    self.target = request.destination
    let bridged: any BridgedRequest =
      switch request.command {
      case .bind: BridgedBind(request, of: self, announce: announcement)
      case .udpAssociate: BridgedAssociation(request, of: self)
      // No other command comes this far.
      default: BridgedConnect(request, of: self)
      }
    self.state = .serving(bridged)
    bridged.begin { result in
      switch result {
      case .success(let bound):
        completion(SOCKSReply(code: .succeeded, bound: bound), nil)
      case .failure(let error):
        let code = error.localReplyCode
        self.log(error)
        completion(SOCKSReply(code: code), SOCKSError(.requestRefused, code.description, reply: code))
      }
    }
  }

  func negotiationSucceeded(
    _ handler: ServerNegotiationHandler, context: ChannelHandlerContext, earlyData: ByteBuffer, inputClosed: Bool
  ) {
    guard case .serving(let request) = self.state else { return context.close(promise: nil) }
    request.replied(
      BridgedRequestStart(handler: handler, context: context, earlyData: earlyData, inputClosed: inputClosed))
  }

  func negotiationFailed(_ error: SOCKSError, phase: ServerNegotiation.Phase) {
    // A refused request has been logged in better words.
    guard error.code != .requestRefused else { return }
    self.logger.info(
      "local program's request failed",
      metadata: ["phase": "\(phase.rawValue)", "reason": "\(escaped(error.description))"])
  }
}

/// For a server that does not offer GSS-API.
private final class NoEstablishment: ContextEstablishment {
  func step(_ token: ByteBuffer?, completion: @escaping (EstablishmentStep) -> Void) {}
}
