public import Logging
public import NIOCore
public import NIOPosix
import Platform
public import SOCKSCore
import SOCKSNIO
public import ServiceLifecycle
import Synchronization

/// A local UDP port whose datagrams go to one target through a gateway, and its answers back to their senders.
///
/// It listens on a loopback address only, and takes datagrams only of processes of one user: whoever can send acts with
/// that user's ticket. Each local sender has an association of its own, so that an answer finds its way back.
public final class DatagramForward: Service {
  public let configuration: Configuration
  private let connector: ProxyConnector
  private let eventLoop: any EventLoop
  private let logger: Logger
  private let address: IPAddress
  private let socket = Mutex<(any Channel, SOCKSAddress)?>(nil)

  /// - Parameters:
  ///   - connector: how associations are made.
  ///   - group: one of its event loops does all the work.
  /// - Throws: ``BridgeError`` when the address is not a loopback address.
  public init(
    _ configuration: Configuration, connector: ProxyConnector, logger: Logger,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws(BridgeError) {
    guard let address = configuration.listen.host.loopbackAddress else {
      throw BridgeError(
        .notLoopback,
        "garter listens on loopback addresses only, not on \(escaped(configuration.listen.host.description)): "
          + "everybody who can send there would act with your ticket")
    }
    self.address = address
    self.configuration = configuration
    self.connector = connector
    self.eventLoop = group.any()
    self.logger = logger
  }

  /// Begins to listen; ``run()`` does so if it has not been done. A second call gives the same answer.
  ///
  /// - Returns: the address with the real port.
  /// - Throws: ``BridgeError``.
  @discardableResult
  public func listen() async throws -> SOCKSAddress {
    if let (_, bound) = self.socket.withLock({ $0 }) { return bound }
    let listen = SOCKSAddress(self.address, port: self.configuration.listen.port)
    do {
      let socket = try await DatagramSocket.bind(
        to: SocketAddress(self.address, port: listen.port), on: self.eventLoop
      ).get()
      try await self.eventLoop.submit {
        try socket.pipeline.syncOperations.addHandler(
          DatagramForwardHandler(self.configuration, connector: self.connector, logger: self.logger))
      }.get()
      let bound = socket.localAddress.flatMap(SOCKSAddress.init) ?? listen
      self.socket.withLock { $0 = (socket, bound) }
      return bound
    } catch {
      throw BridgeError(.cannotListen, "cannot listen on \(listen): \(escaped(words(for: error)))")
    }
  }

  /// Listens until a graceful shutdown or the task's cancellation; all associations end then.
  ///
  /// - Throws: ``BridgeError``.
  public func run() async throws {
    let bound = try await self.listen()
    self.logger.debug("forward is ready", metadata: ["listen": "\(bound)"])
    // Throws when the task is cancelled, which is a request to stop as well.
    try? await gracefulShutdown()
    await self.stop()
  }

  /// Ends all associations and gives the port back.
  public func stop() async {
    guard let (socket, _) = self.socket.withLock({ $0 }) else { return }
    try? await socket.close()
  }
}
