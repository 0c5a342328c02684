import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO
import Synchronization

/// The listening sockets of a gateway. They are bound first and accept later, when the sessions' services are known.
final class Listeners: Sendable {
  /// Connections that the system keeps until they are accepted; the system has a limit of its own.
  private static let backlog: CInt = 4_096

  private let channels: [any Channel]
  private let services: ServicesCell

  private init(channels: [any Channel], services: ServicesCell) {
    self.channels = channels
    self.services = services
  }

  /// Binds every address, or none.
  ///
  /// - Parameter keepalive: of the connections that are accepted.
  static func bind(
    _ configured: [Configuration.Listener], keepalive: TCPKeepalive, group: any EventLoopGroup,
    registry: SessionRegistry
  ) async throws -> Listeners {
    let services = ServicesCell()
    var channels: [any Channel] = []
    do {
      for listener in configured {
        let bootstrap = Self.bootstrap(
          for: listener, keepalive: keepalive, group: group, registry: registry, services: services)
        let address = listener.address
        do {
          channels.append(try await bootstrap.bind(to: SocketAddress(address.address, port: address.port)).get())
        } catch {
          throw ListenError(address: address, reason: "\(error)")
        }
      }
    } catch {
      for channel in channels { try? await channel.close() }
      throw error
    }
    return Listeners(channels: channels, services: services)
  }

  private static func bootstrap(
    for listener: Configuration.Listener, keepalive: TCPKeepalive, group: any EventLoopGroup,
    registry: SessionRegistry, services: ServicesCell
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
          try channel.pipeline.syncOperations.addHandler(AcceptLimitHandler(registry: registry))
        }
      }
      .childChannelInitializer { channel in
        guard let services = services.value else {
          return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        return channel.eventLoop.makeCompletedFuture {
          let admission = try services.defence.admit(channel)
          try RelayChannelOptions.applyToAccepted(channel)
          try Session.begin(on: channel, of: listener, services: services, admission: admission)
        }
      }
  }

  /// Where the listeners are, with the ports that the system chose.
  var addresses: [SOCKSAddress] { self.channels.compactMap { $0.localAddress.flatMap(SOCKSAddress.init) } }

  func startAccepting(_ services: SessionServices) async throws {
    self.services.value = services
    for channel in self.channels { try await channel.setOption(.autoRead, value: true).get() }
  }

  func close() async {
    for channel in self.channels { try? await channel.close() }
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
    "cannot listen on \(self.address): \(self.reason) (is the port taken, or below 1024, or the address not this machine's?)"
  }
}
