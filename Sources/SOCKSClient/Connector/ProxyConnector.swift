public import NIOCore
public import NIOPosix
public import SOCKSCore
public import SOCKSGSSAPI
import SOCKSNIO

/// Opens connections through a gateway that speaks RFC 1961.
///
/// Each connection authenticates anew with the credentials of the moment: a ticket that was obtained or renewed after
/// the connector was made is used. A connector never makes a second attempt in a weaker form.
///
/// ```swift
/// let pool = StepPool(threads: 4, limit: 64)
/// let gateway = try SOCKSAddress(parsing: "gw.example.com:1080", defaultPort: 1080)
/// let connector = ProxyConnector(.init(gateway: gateway), pool: pool)
/// let target = SOCKSAddress(host: try SOCKSHost("db.example.com"), port: 5432)
/// let answer = try await connector.withConnection(to: target) { input, output in … }
/// ```
public final class ProxyConnector: Sendable {
  typealias MakeEstablishment = @Sendable (any EventLoop) -> any ContextEstablishment

  public let configuration: Configuration
  private let group: any EventLoopGroup
  private let makeEstablishment: MakeEstablishment

  /// - Parameters:
  ///   - pool: where the steps of contexts run; it belongs to the caller, and may be shared.
  ///   - group: where channels run that are not asked for on a certain event loop.
  public convenience init(
    _ configuration: Configuration, pool: StepPool,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    let provider = GSSInitiatorProvider(
      GSSInitiatorProvider.Configuration(
        target: configuration.target, credentialCache: configuration.credentialCache,
        clientKeytab: configuration.clientKeytab),
      pool: pool)
    self.init(configuration, group: group) { provider.makeEstablishment(on: $0) }
  }

  init(
    _ configuration: Configuration, group: any EventLoopGroup, makeEstablishment: @escaping MakeEstablishment
  ) {
    self.configuration = configuration
    self.group = group
    self.makeEstablishment = makeEstablishment
  }

  /// Connects to a target through the gateway.
  ///
  /// - Parameter eventLoop: the channel's event loop; nil for any of the connector's group.
  /// - Returns: the channel, which has not been read from; fails with ``ProxyConnectorError``.
  public func connect(to target: SOCKSAddress, on eventLoop: (any EventLoop)? = nil) -> EventLoopFuture<ProxiedChannel>
  {
    let eventLoop = eventLoop ?? self.group.any()
    let established = eventLoop.makePromise(of: ProxiedChannel.self)
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(self.configuration.connectTimeout)
      .channelOption(.autoRead, value: false)
      .channelOption(.maxMessagesPerRead, value: 1)
      .channelOption(.recvAllocator, value: GrowingReceiveAllocator())
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.socketOption(.so_keepalive), value: 1)
    let gateway = self.configuration.gateway
    bootstrap.connect(host: gateway.host.description, port: Int(gateway.port)).whenComplete { result in
      switch result {
      case .success(let channel):
        self.negotiate(on: channel, target: target, established)
      case .failure(let error):
        established.fail(ProxyConnectorError(connecting: error, self.configuration))
      }
    }
    return established.futureResult
  }

  /// Connects to a target through the gateway.
  ///
  /// - Returns: the channel, which has not been read from.
  /// - Throws: ``ProxyConnectorError``.
  public func connect(to target: SOCKSAddress) async throws -> ProxiedChannel {
    try await self.connect(to: target, on: nil).get()
  }

  private func negotiate(
    on channel: any Channel, target: SOCKSAddress, _ established: EventLoopPromise<ProxiedChannel>
  ) {
    let configuration = self.configuration
    let negotiation = ClientNegotiation.Configuration(
      authentication: .gssapi(
        GSSInitiatorSubnegotiation.Configuration(
          level: configuration.level, acceptableLevels: configuration.acceptableLevels)),
      request: SOCKSRequest(command: .connect, destination: target))
    let handOver = HandOverHandler()
    let handler = ClientNegotiationHandler(
      configuration: negotiation, selective: configuration.selective,
      establishment: self.makeEstablishment(channel.eventLoop), timeout: configuration.negotiationTimeout
    ) { result in
      switch result {
      case .success(let outcome):
        handOver.takeOver()
        established.succeed(ProxiedChannel(channel: channel, outcome))
      case .failure(let error):
        established.fail(ProxyConnectorError(negotiating: error, configuration, target: target))
      }
    }
    handOver.negotiation = handler
    do {
      try channel.pipeline.syncOperations.addHandlers([handler, handOver])
    } catch {
      let error = SOCKSError(.connectionClosed, "the gateway closed the connection")
      established.fail(ProxyConnectorError(negotiating: error, configuration, target: target))
    }
  }
}
