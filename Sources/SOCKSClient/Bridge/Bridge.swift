public import Logging
public import NIOCore
public import NIOPosix
import Platform
import ProxySession
public import SOCKSCore
import SOCKSNIO
public import ServiceLifecycle

/// A SOCKS5 server without authentication for local programs, which carries their connections through a gateway with
/// RFC 1961.
///
/// It listens on a loopback address only, and takes connections only of processes of one user: whoever can connect acts
/// with that user's ticket.
public final class Bridge: Service {
  public let configuration: Configuration
  private let connector: ProxyConnector
  private let group: any EventLoopGroup
  private let logger: Logger
  private let address: IPAddress
  private let connections: BridgeConnections

  /// - Parameters:
  ///   - connector: how connections are made; called on the event loop of each local connection.
  ///   - group: where all channels run.
  /// - Throws: ``BridgeError`` when the address is not a loopback address.
  public init(
    _ configuration: Configuration, connector: ProxyConnector, logger: Logger,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws(BridgeError) {
    guard let address = configuration.listen.host.loopbackAddress else {
      throw BridgeError(
        .notLoopback,
        "the bridge listens on loopback addresses only, not on \(escaped(configuration.listen.host.description)): "
          + "everybody who can connect would act with your ticket")
    }
    self.address = address
    self.configuration = configuration
    self.connector = connector
    self.group = group
    self.logger = logger
    self.connections = BridgeConnections(
      .bridge(
        connections: configuration.maximumConnections,
        available: (try? DescriptorLimit.current()).map { Int(clamping: $0.soft) }))
  }

  /// Begins to listen; ``run()`` does so if it has not been done. A second call gives the same answer.
  ///
  /// - Returns: the address with the real port.
  /// - Throws: ``BridgeError``.
  @discardableResult
  public func listen() async throws -> SOCKSAddress {
    if let bound = self.connections.boundAddress { return bound }
    do {
      let log = ListenerLog(self.logger)
      let listener = try await ReopeningListener.open(
        at: try SocketAddress(ipAddress: self.address.description, port: Int(self.configuration.listen.port)), log: log
      ) { self.bootstrap(log).bind(to: $0) }
      try await listener.startAccepting()
      let port = listener.address.port.flatMap(UInt16.init(exactly:)) ?? self.configuration.listen.port
      let bound = SOCKSAddress(self.address, port: port)
      self.connections.listening(listener, at: bound)
      return bound
    } catch {
      let listen = SOCKSAddress(self.address, port: self.configuration.listen.port)
      throw BridgeError(.cannotListen, "cannot listen on \(listen): \(escaped("\(error)"))")
    }
  }

  private func bootstrap(_ log: ListenerLog) -> ServerBootstrap {
    let ledger = self.connections.ledger
    return ServerBootstrap(group: self.group)
      .serverChannelOption(.backlog, value: 128)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.autoRead, value: false)
      // One at a time, so that the cap on connections is exact.
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(AcceptPauseHandler(log: log), AcceptLimitHandler(ledger))
        }
      }
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.recvAllocator, value: GrowingReceiveAllocator())
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
      }
  }

  /// Listens until a graceful shutdown or the task's cancellation; then takes no new connections, lets those there are
  /// go on for the drain limit, and closes them.
  ///
  /// - Throws: ``BridgeError``, also when the system has closed the listener and it cannot be opened again.
  public func run() async throws {
    let bound = try await self.listen()
    self.logger.debug("bridge is ready", metadata: ["listen": "\(bound)"])
    let loss = await self.end()
    // The task's cancellation is a request to stop as well.
    await self.stop(drain: Task.isCancelled ? .zero : nil)
    self.logger.debug("bridge has stopped")
    guard let loss else { return }
    throw BridgeError(
      .cannotListen,
      "the system closed the listener on \(bound), and it cannot be opened again: \(escaped("\(loss.reason)"))")
  }

  /// Waits for a shutdown, the task's cancellation, or the loss of the listener, which it returns.
  private func end() async -> ReopeningListener.Loss? {
    await withTaskGroup(of: ReopeningListener.Loss?.self) { tasks in
      tasks.addTask {
        try? await gracefulShutdown()
        return nil
      }
      if let listener = self.connections.listener { tasks.addTask { await listener.loss() } }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? nil
    }
  }

  /// Connections that are being made or carried now.
  public var connectionCount: Int { self.connections.count }

  /// Takes no new connections, and returns when those there are have ended: by themselves within the limit, or else
  /// closed.
  ///
  /// - Parameter drain: the limit; nil for the configuration's.
  public func stop(drain: TimeAmount? = nil) async {
    let (listener, channels) = self.connections.stop()
    await listener?.close()
    guard !channels.isEmpty else { return }
    self.logger.debug("waiting for connections to end", metadata: ["count": "\(channels.count)"])
    let loop = self.group.any()
    let timer = loop.scheduleTask(in: drain ?? self.configuration.drainTimeout) {
      for channel in channels { channel.close(promise: nil) }
    }
    _ = try? await EventLoopFuture.whenAllComplete(channels.map(\.closeFuture), on: loop).get()
    timer.cancel()
  }

  /// On the new connection's event loop.
  private func accept(_ channel: any Channel) throws {
    guard let number = self.connections.add(channel) else { throw ChannelError.ioOnClosedChannel }
    var logger = self.logger
    logger[metadataKey: "session"] = "\(number)"
    guard let owner = channel.peerOwner else {
      logger.warning("connection refused: it is not known whose process it is")
      throw ChannelError.ioOnClosedChannel
    }
    guard owner == self.configuration.user else {
      logger.warning("connection refused: another user's process", metadata: ["uid": "\(owner)"])
      throw ChannelError.ioOnClosedChannel
    }
    try BridgeSession(
      channel, connector: self.connector, user: self.configuration.user,
      descriptors: SessionDescriptors(self.connections.ledger, id: number), idleTimeout: self.configuration.idleTimeout,
      logger: logger
    ).begin()
  }
}

extension Channel {
  /// The user whose process is at the other end of this local connection; two short system calls.
  var peerOwner: UserID? {
    guard let local = self.localAddress?.endpoint, let remote = self.remoteAddress?.endpoint else { return nil }
    return SocketOwner.userID(local: local, remote: remote)
  }
}

extension SocketAddress {
  var endpoint: SocketEndpoint? {
    guard let text = self.ipAddress, let address = IPAddress(text), let port = self.port,
      let port = UInt16(exactly: port)
    else { return nil }
    return SocketEndpoint(octets: address.octets, port: port)
  }
}
