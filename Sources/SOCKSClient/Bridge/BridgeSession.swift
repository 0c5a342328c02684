import Logging
import NIOCore
import SOCKSCore
import SOCKSNIO

/// One local connection and the connection through the gateway that belongs to it, on one event loop.
final class BridgeSession {
  private enum State {
    case negotiating
    case connecting(SOCKSAddress)
    case connected(SOCKSAddress, ProxiedChannel)
    case relaying(SOCKSAddress)
    case ended
  }

  private let channel: any Channel
  private let connector: ProxyConnector
  private let idleTimeout: TimeAmount
  private let logger: Logger
  private let began: NIODeadline
  private var state: State = .negotiating

  init(_ channel: any Channel, connector: ProxyConnector, idleTimeout: TimeAmount, logger: Logger) {
    self.channel = channel
    self.connector = connector
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
        gss: GSSAcceptorSubnegotiation.Configuration(levels: [], requirements: .acceptor(servedNames: []))),
      timeouts: NegotiationTimeouts(), selective: .always, establishment: { NoEstablishment() }, delegate: self)
    try self.channel.pipeline.syncOperations.addHandler(handler)
    self.channel.closeFuture.assumeIsolated().whenComplete { _ in self.closed() }
  }

  private func connected(_ proxied: ProxiedChannel, to target: SOCKSAddress) -> SOCKSReply? {
    guard case .connecting = self.state else {
      // The local program has gone.
      proxied.channel.close(promise: nil)
      return nil
    }
    self.state = .connected(target, proxied)
    return SOCKSReply(code: .succeeded, bound: proxied.boundAddress)
  }

  private func closed() {
    if case .connected(_, let proxied) = self.state { proxied.channel.close(promise: nil) }
    self.state = .ended
  }

  private func ended(_ end: StreamRelaySession.End, target: SOCKSAddress, agreed: String) {
    self.state = .ended
    let milliseconds = (self.channel.eventLoop.now - self.began).nanoseconds / 1_000_000
    var metadata: Logger.Metadata = [
      "target": "\(escaped(target.description))", "agreed": "\(agreed)", "sent": "\(end.octetsFromClient)",
      "received": "\(end.octetsFromTarget)", "milliseconds": "\(milliseconds)",
    ]
    if let error = end.error {
      metadata["reason"] = "\(escaped(error.description))"
      // A local program that goes away in the middle is everyday; a fault of the protected side is not.
      let level: Logger.Level = end.side == .target && error.fault != .network ? .error : .info
      self.logger.log(level: level, "session was cut short", metadata: metadata)
    } else {
      self.logger.info("session ended", metadata: metadata)
    }
  }
}

extension BridgeSession: ServerNegotiationDelegate {
  func negotiationAgreed(_ agreed: AgreedProtection) {}

  func negotiationReceivedRequest(
    _ request: SOCKSRequest, announcement: @escaping (SOCKSAddress) -> Void,
    completion: @escaping (SOCKSReply, SOCKSError?) -> Void
  ) {
    let target = request.destination
    self.state = .connecting(target)
    self.connector.connect(to: target, on: self.channel.eventLoop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let proxied):
        guard let reply = self.connected(proxied, to: target) else { return }
        completion(reply, nil)
      case .failure(let error):
        let error = error as? ProxyConnectorError
        let code = error?.localReplyCode ?? .generalFailure
        self.logger.error(
          "\(error?.description ?? "the connection failed")", metadata: ["target": "\(escaped(target.description))"])
        completion(SOCKSReply(code: code), SOCKSError(.requestRefused, code.description, reply: code))
      }
    }
  }

  func negotiationSucceeded(
    _ handler: ServerNegotiationHandler, context: ChannelHandlerContext, earlyData: ByteBuffer, inputClosed: Bool
  ) {
    guard case .connected(let target, let proxied) = self.state else { return context.close(promise: nil) }
    self.state = .relaying(target)
    self.logger.info(
      "session began",
      metadata: ["target": "\(escaped(target.description))", "agreed": "\(proxied.summary)"])
    let limits = StreamRelaySession.Limits(idle: self.idleTimeout, halfClosedIdle: self.idleTimeout)
    let relay = StreamRelaySession(eventLoop: context.eventLoop, limits: limits) { end in
      self.ended(end, target: target, agreed: proxied.summary)
    }
    do {
      try context.pipeline.syncOperations.addHandler(relay.handler(for: .client))
      try proxied.channel.pipeline.syncOperations.addHandler(relay.handler(for: .target))
    } catch {
      relay.end(SOCKSError(.connectionClosed, "the gateway closed the connection"))
      proxied.channel.close(promise: nil)
      return context.close(promise: nil)
    }
    context.pipeline.syncOperations.removeHandler(handler, promise: nil)
    relay.begin(earlyData: earlyData, inputClosed: inputClosed)
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
