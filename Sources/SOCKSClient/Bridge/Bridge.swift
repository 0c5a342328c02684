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
/// It listens on a loopback address only, and takes connections only of processes of one user: anyone who can connect acts
/// with that user's ticket.
public final class Bridge: Service {
  public let configuration: Configuration
  private let connector: ProxyConnector
  private let group: any EventLoopGroup
  private let logger: Logger
  private let endpoints: LoopbackEndpoints
  private let connections: BridgeConnections
  /// For what strangers can cause.
  private let lines: RepeatedLines

  /// - Parameters:
  ///   - connector: how connections are made; called on the event loop of each local connection.
  ///   - group: where all channels run.
  /// - Throws: ``BridgeError`` when an address is not a loopback address.
  public init(
    _ configuration: Configuration, connector: ProxyConnector, logger: Logger,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws(BridgeError) {
    self.endpoints = try LoopbackEndpoints(configuration.listen, what: "the bridge", who: "connect")
    self.configuration = configuration
    self.connector = connector
    self.group = group
    self.logger = logger
    self.lines = RepeatedLines(logger: logger, group: group)
    self.connections = BridgeConnections(
      .bridge(
        connections: configuration.maximumConnections,
        available: (try? DescriptorLimit.current()).map { Int(clamping: $0.soft) }))
  }

  /// Begins to listen; ``run()`` does so if it has not been done. A second call gives the same answer.
  ///
  /// - Returns: the first of ``addresses``.
  /// - Throws: ``BridgeError``.
  @discardableResult
  public func listen() async throws -> SOCKSAddress {
    if let bound = self.connections.boundAddresses.first { return bound }
    let log = ListenerLog(self.logger)
    let listeners = try await self.endpoints.open { address in
      try await ReopeningListener.open(at: address, log: log) { self.bootstrap(log, at: $0).bind(to: $0) }
    } address: {
      $0.address
    } close: {
      await $0.close()
    }
    for listener in listeners { try await listener.startAccepting() }
    let bound = listeners.compactMap { SOCKSAddress($0.address) }
    self.connections.listening(listeners, at: bound)
    guard let first = bound.first else { throw BridgeError(.cannotListen, "no address to listen on was given") }
    return first
  }

  private func bootstrap(_ log: ListenerLog, at address: SocketAddress) -> ServerBootstrap {
    let ledger = self.connections.ledger
    return ServerBootstrap(group: self.group)
      .serverChannelOption(.backlog, value: 128)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.autoRead, value: false)
      // One at a time, so that the cap on connections is exact.
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try RelayChannelOptions.applyToListener(channel)
          if let address = IPAddress(address) { try IPv6Only.apply(to: channel, boundTo: address) }
          try channel.pipeline.syncOperations.addHandlers(AcceptPauseHandler(log: log), AcceptLimitHandler(ledger))
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try RelayChannelOptions.applyToAccepted(channel)
          try self.accept(channel)
        }
      }
  }

  /// Where the bridge listens, with the real ports: each address of the configuration, and for `localhost` both loopback
  /// addresses with the same port. Empty before ``listen()``.
  public var addresses: [SOCKSAddress] { self.connections.boundAddresses }

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
      "the system closed the listener on \(bound), and it cannot be opened again: \(escaped(words(forListening: loss.reason)))"
    )
  }

  /// Waits for a shutdown, the task's cancellation, or the loss of the listener, which it returns.
  private func end() async -> ReopeningListener.Loss? {
    await withTaskGroup(of: ReopeningListener.Loss?.self) { tasks in
      tasks.addTask {
        try? await gracefulShutdown()
        return nil
      }
      for listener in self.connections.listeners { tasks.addTask { await listener.loss() } }
      defer { tasks.cancelAll() }
      return await tasks.next() ?? nil
    }
  }

  /// Connections that are being made or carried now.
  public var connectionCount: Int { self.connections.count }

  /// Takes no new connections, and returns when those there are have ended: by themselves within the limit, or else
  /// closed. Cancelling the task closes them at once.
  ///
  /// - Parameter drain: the limit; nil for the configuration's.
  public func stop(drain: TimeAmount? = nil) async {
    // Lines that wait for their second are written, also where no connection is left.
    defer { self.lines.flush() }
    let (listeners, channels) = self.connections.stop()
    for listener in listeners { await listener.close() }
    guard !channels.isEmpty else { return }
    self.logger.debug("waiting for connections to end", metadata: ["count": "\(channels.count)"])
    let loop = self.group.any()
    let timer = loop.scheduleTask(in: drain ?? self.configuration.drainTimeout) {
      self.connections.timeIsUp()
      for channel in channels { channel.close(promise: nil) }
    }
    await withTaskCancellationHandler {
      _ = try? await EventLoopFuture.whenAllComplete(channels.map(\.closeFuture), on: loop).get()
    } onCancel: {
      for channel in channels { channel.close(promise: nil) }
    }
    timer.cancel()
  }

  /// On the new connection's event loop.
  private func accept(_ channel: any Channel) throws {
    guard let number = self.connections.add(channel) else {
      self.refused("connections", ["limit": "\(self.configuration.maximumConnections)"])
      throw ChannelError.ioOnClosedChannel
    }
    var logger = self.logger
    logger[metadataKey: "session"] = "\(number)"
    guard let owner = channel.peerOwner else {
      // Without a descriptor to ask the kernel with, nobody is known.
      self.refused(DescriptorLimit.isReached ? "no-descriptors" : "unknown-user", [:])
      throw ChannelError.ioOnClosedChannel
    }
    guard owner == self.configuration.user else {
      self.refused("other-user", ["uid": "\(owner)"])
      throw ChannelError.ioOnClosedChannel
    }
    // The user's own from here on.
    logger[metadataKey: "session"] = .marked("\(number)", .reserved)
    try BridgeSession(
      channel, connector: self.connector, user: self.configuration.user,
      descriptors: SessionDescriptors(self.connections.ledger, id: number),
      idleTimeout: self.configuration.idleTimeout, logger: logger, lines: self.lines, connections: self.connections
    ).begin()
  }

  /// Anyone who can reach the port can do this any number of times.
  private func refused(_ reason: String, _ metadata: Logger.Metadata) {
    self.lines.log(
      "refused \(reason)", level: .warning, "connections refused",
      metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
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
