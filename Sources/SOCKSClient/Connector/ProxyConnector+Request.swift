import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO

extension ProxyConnector {
  /// Connects to the gateway and makes a request for a stream.
  ///
  /// - Parameters:
  ///   - announcement: called with BIND's first reply, on the event loop.
  ///   - established: told of the last reply; fails with ``ProxyConnectorError``.
  func request(
    _ request: SOCKSRequest, attempt: ConnectionAttempt,
    announcement: (@Sendable (any Channel, ClientNegotiationHandler.Outcome) -> Void)? = nil,
    _ established: EventLoopPromise<ProxiedChannel>
  ) {
    var request = request
    do throws(SOCKSError) {
      // What is sent is ASCII: what the gateway judges does not depend on its library.
      request.destination = try request.destination.converted()
    } catch {
      return established.fail(ProxyConnectorError(negotiating: error, self.configuration, request: request))
    }
    let asked = request
    self.connectToGateway(attempt).whenComplete { result in
      switch result {
      case .success(let channel):
        self.negotiate(asked, on: channel, attempt: attempt, announcement: announcement, established)
      case .failure(let error):
        established.fail(error)
      }
    }
  }

  /// A connection to the gateway, with nothing on it yet; fails with ``ProxyConnectorError``.
  func connectToGateway(_ attempt: ConnectionAttempt) -> EventLoopFuture<any Channel> {
    let configuration = self.configuration
    return ClientBootstrap(group: attempt.eventLoop)
      .connectTimeout(configuration.connectTimeout)
      .channelInitializer { channel in
        // With the keepalive of the gateway's own side: a gateway that has gone is found as soon as a client that has.
        RelayChannelOptions.apply(to: channel).flatMapThrowing { try attempt.add(channel) }
      }
      .connect(host: configuration.gatewayHost, port: Int(configuration.gateway.port))
      .flatMapErrorThrowing { throw ProxyConnectorError(connecting: $0, configuration) }
  }

  private func negotiate(
    _ request: SOCKSRequest, on channel: any Channel, attempt: ConnectionAttempt,
    announcement: (@Sendable (any Channel, ClientNegotiationHandler.Outcome) -> Void)?,
    _ established: EventLoopPromise<ProxiedChannel>
  ) {
    let configuration = self.configuration
    let handOver = HandOverHandler()
    let handler = ClientNegotiationHandler(
      configuration: self.negotiation(of: request), selective: configuration.selective,
      establishment: self.makeEstablishment(channel.eventLoop, request.command),
      timeout: configuration.negotiationTimeout,
      acceptTimeout: configuration.acceptTimeout, announcement: announcement.map { tell in { tell(channel, $0) } }
    ) { result in
      switch result {
      case .success(let outcome):
        handOver.takeOver()
        attempt.succeeded()
        established.succeed(ProxiedChannel(channel: channel, outcome))
      case .failure(let error):
        let agreed = handOver.negotiation?.agreed
        established.fail(ProxyConnectorError(negotiating: error, configuration, request: request, agreed: agreed))
      }
    }
    handOver.negotiation = handler
    do {
      try channel.pipeline.syncOperations.addHandlers([handler, handOver])
    } catch {
      let error = SOCKSError(.connectionClosed, "the gateway closed the connection")
      established.fail(ProxyConnectorError(negotiating: error, configuration, request: request))
    }
  }

  func negotiation(of request: SOCKSRequest) -> ClientNegotiation.Configuration {
    ClientNegotiation.Configuration(
      authentication: .gssapi(
        GSSInitiatorSubnegotiation.Configuration(
          level: self.configuration.level, acceptableLevels: self.configuration.acceptableLevels,
          requirements: .initiator(level: self.configuration.level, ordered: request.command != .udpAssociate))),
      request: request)
  }
}

extension EventLoopFuture where Value: Sendable {
  /// The value; a cancelled task gives the attempt up.
  func get(givingUp attempt: ConnectionAttempt) async throws -> Value {
    try await withTaskCancellationHandler {
      try await self.get()
    } onCancel: {
      attempt.giveUp()
    }
  }
}
