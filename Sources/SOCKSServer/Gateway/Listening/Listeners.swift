import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO
import Synchronization

/// The listening sockets of a gateway. They are bound first and accept later, when the sessions' services are known. One
/// that the system closes is opened again.
final class Listeners: Sendable {
  /// Connections that the system keeps until they are accepted; the system has a limit of its own.
  private static let backlog: CInt = 4_096

  private let listeners: [(configured: ListenAddress, socket: ReopeningListener)]
  private let services: ServicesCell

  private init(_ listeners: [(configured: ListenAddress, socket: ReopeningListener)], services: ServicesCell) {
    self.listeners = listeners
    self.services = services
  }

  /// Binds every address, or none.
  ///
  /// - Parameter keepalive: of the connections that are accepted.
  static func bind(
    _ configured: [Configuration.Listener], keepalive: TCPKeepalive, group: any EventLoopGroup,
    ledger: DescriptorLedger, log: ListenerLog
  ) async throws -> Listeners {
    let services = ServicesCell()
    var listeners: [(configured: ListenAddress, socket: ReopeningListener)] = []
    do {
      for listener in configured {
        let address = listener.address
        do {
          let socket = try await ReopeningListener.open(
            at: try SocketAddress(address.address, port: address.port), log: log
          ) { place in
            Self.bootstrap(
              for: listener, keepalive: keepalive, group: group, ledger: ledger, log: log, services: services
            ).bind(to: place)
          }
          listeners.append((address, socket))
        } catch {
          throw ListenError(address: address, reason: words(forListening: error))
        }
      }
    } catch {
      for listener in listeners { await listener.socket.close() }
      throw error
    }
    return Listeners(listeners, services: services)
  }

  private static func bootstrap(
    for listener: Configuration.Listener, keepalive: TCPKeepalive, group: any EventLoopGroup,
    ledger: DescriptorLedger, log: ListenerLog, services: ServicesCell
  ) -> ServerBootstrap {
    let address = listener.address.address
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Self.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.autoRead, value: false)
      // One at a time, so that the cap on connections is exact.
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try IPv6Only.apply(to: channel, boundTo: address)
          try RelayChannelOptions.applyToListener(channel, keepalive: keepalive)
          try channel.pipeline.syncOperations.addHandlers(AcceptPauseHandler(log: log), AcceptLimitHandler(ledger))
        }
      }
      .childChannelInitializer { channel in
        guard let services = services.value else {
          return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let admitted = services.admission.admit(
          channel.remoteAddress.flatMap(IPAddress.init), on: channel.eventLoop)
        return admitted.flatMapThrowing { admission in
          channel.closeFuture.whenComplete { _ in admission.left() }
          try RelayChannelOptions.applyToAccepted(channel)
          try Session.begin(on: channel, of: listener, services: services, admission: admission)
        }
      }
  }

  /// Where the listeners are, with the ports that the system chose.
  var addresses: [SOCKSAddress] { self.listeners.compactMap { SOCKSAddress($0.socket.address) } }

  func startAccepting(_ services: SessionServices) async throws {
    self.services.value = services
    for listener in self.listeners { try await listener.socket.startAccepting() }
  }

  /// Waits until a listener is lost for good.
  ///
  /// - Returns: nil when they were closed, or the task cancelled.
  func loss() async -> ListenError? {
    await withTaskGroup(of: ListenError?.self) { tasks in
      for listener in self.listeners {
        tasks.addTask {
          await listener.socket.loss().map {
            ListenError(
              address: listener.configured,
              reason: "the system closed the listener, and it cannot be opened again: \(words(forListening: $0.reason))"
            )
          }
        }
      }
      defer { tasks.cancelAll() }
      for await loss in tasks where loss != nil { return loss }
      return nil
    }
  }

  func close() async {
    for listener in self.listeners { await listener.socket.close() }
  }
}

/// Set once, before the first connection is accepted.
private final class ServicesCell: Sendable {
  private let cell = Mutex<SessionServices?>(nil)

  var value: SessionServices? {
    get { self.cell.withLock { $0 } }
    set { self.cell.withLock { $0 = newValue } }
  }
}

/// An address of the configuration cannot be listened on.
public struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
  public let address: ListenAddress
  /// The system's words.
  public let reason: String

  public var description: String {
    "cannot listen on \(self.address): \(self.reason)"
  }
}
