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
/// It listens on a loopback address only, and takes datagrams only of processes of one user: anyone who can send acts with
/// that user's ticket. Each local sender has an association of its own, so that an answer finds its way back.
public final class DatagramForward: Service {
  public let configuration: Configuration
  private let connector: ProxyConnector
  private let eventLoop: any EventLoop
  private let logger: Logger
  private let endpoints: LoopbackEndpoints
  private let sockets = Mutex<[any Channel]>([])

  /// - Parameters:
  ///   - connector: how associations are made.
  ///   - group: one of its event loops does all the work.
  /// - Throws: ``BridgeError`` when the address is not a loopback address.
  public init(
    _ configuration: Configuration, connector: ProxyConnector, logger: Logger,
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws(BridgeError) {
    self.endpoints = try LoopbackEndpoints([configuration.listen], what: "garter", who: "send there")
    self.configuration = configuration
    self.connector = connector
    self.eventLoop = group.any()
    self.logger = logger
  }

  /// Begins to listen; ``run()`` does so if it has not been done. A second call gives the same answer.
  ///
  /// - Returns: the first of ``addresses``.
  /// - Throws: ``BridgeError``.
  @discardableResult
  public func listen() async throws -> SOCKSAddress {
    if let bound = self.addresses.first { return bound }
    // One table for all of them: the limit on senders is for both together.
    let table = NIOLoopBoundBox.makeBoxSendingValue(ForwardedSenders(), eventLoop: self.eventLoop)
    let sockets = try await self.endpoints.open { address in
      let socket = try await DatagramSocket.bind(
        to: address, on: self.eventLoop, memory: self.connector.datagramMemory
      ).get()
      do {
        try await self.eventLoop.submit {
          try socket.pipeline.syncOperations.addHandler(
            DatagramForwardHandler(
              self.configuration, connector: self.connector, senders: table.value, logger: self.logger))
        }.get()
      } catch {
        try? await socket.close()
        throw error
      }
      return socket
    }
    self.sockets.withLock { $0 = sockets }
    guard let first = self.addresses.first else {
      throw BridgeError(.cannotListen, "the local socket has no address")
    }
    return first
  }

  /// Where datagrams are taken, with the real port: for `localhost` both loopback addresses with the same one. Empty before
  /// ``listen()``.
  public var addresses: [SOCKSAddress] {
    self.sockets.withLock { $0.compactMap { $0.localAddress.flatMap(SOCKSAddress.init) } }
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
    for socket in self.sockets.withLock({ $0 }) { try? await socket.close() }
  }
}
