import Glibc
import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO

/// The listening socket of one BIND. Belongs to one event loop, as does what it accepts.
final class BindListener {
  /// Connections that the system keeps until they are looked at, which they are at once.
  private static let backlog: CInt = 128

  let address: SOCKSAddress
  private let channel: any Channel
  private let services: BindServices
  private let port: UInt16
  private var isOpen = true

  private init(_ channel: any Channel, address: SOCKSAddress, port: UInt16, services: BindServices) {
    self.channel = channel
    self.address = address
    self.port = port
    self.services = services
  }

  /// Listens on an address, and accepts nothing before ``startAccepting()``.
  ///
  /// - Parameters:
  ///   - isExpected: asked of each connection that comes; false resets it, and the next one is waited for.
  ///   - accepted: called once, with the connection that was expected. The listener is closed by then.
  ///   - lost: called once, when the system has closed the listener.
  ///   - completion: called once, on the loop.
  static func open(
    on address: IPAddress, services: BindServices, descriptors: SessionDescriptors, eventLoop: any EventLoop,
    isExpected: @escaping (SOCKSAddress) -> Bool, accepted: @escaping (any Channel) -> Void,
    lost: @escaping () -> Void, completion: @escaping (Result<BindListener, SessionEnd>) -> Void
  ) {
    let handler = NIOLoopBound(
      BindAcceptHandler(isExpected: isExpected, accepted: accepted), eventLoop: eventLoop)
    let (log, keepalive) = (services.log, services.keepalive)
    let bootstrap = ServerBootstrap(group: eventLoop)
      .serverChannelOption(.backlog, value: Self.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.autoRead, value: false)
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try IPv6Only.apply(to: channel, boundTo: address)
          try descriptors.take(for: channel)
          try channel.pipeline.syncOperations.addHandlers(AcceptPauseHandler(log: log), handler.value)
        }
      }
      .childChannelInitializer { channel in RelayChannelOptions.apply(to: channel, keepalive: keepalive) }
    let bind = { (port: UInt16) -> EventLoopFuture<any Channel> in
      do {
        return bootstrap.bind(to: try SocketAddress(address, port: port))
      } catch {
        return eventLoop.makeFailedFuture(error)
      }
    }
    Self.open(on: address, except: [], services, bind: bind) { result in
      if case .success(let listener) = result {
        listener.watch { if !handler.value.hasAccepted { lost() } }
      }
      completion(result)
    }
  }

  private static func open(
    on address: IPAddress, except tried: Set<UInt16>, _ services: BindServices,
    bind: @escaping (UInt16) -> EventLoopFuture<any Channel>,
    _ completion: @escaping (Result<BindListener, SessionEnd>) -> Void
  ) {
    guard let port = services.ports.take(except: tried) else {
      return completion(.failure(SessionEnd(.limit(.ports), "no port is left for BIND")))
    }
    bind(port).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        let bound = channel.localAddress.flatMap(SOCKSAddress.init) ?? SOCKSAddress(address, port: port)
        services.ownSockets.insert(bound)
        completion(.success(BindListener(channel, address: bound, port: port, services: services)))
      case .failure(let error):
        services.ports.giveBack(port)
        if let end = error as? SessionEnd { return completion(.failure(end)) }
        guard port != 0, let error = error as? IOError, [EADDRINUSE, EACCES].contains(error.errnoCode) else {
          return completion(.failure(SessionEnd(opening: "cannot listen on \(address)", error)))
        }
        Self.open(on: address, except: tried.union([port]), services, bind: bind, completion)
      }
    }
  }

  func startAccepting() { self.channel.read() }

  /// NIO closes a listener for errors of accept that it takes for final.
  private func watch(_ lost: @escaping () -> Void) {
    self.channel.closeFuture.assumeIsolated().whenComplete { _ in
      guard self.isOpen else { return }
      self.close()
      lost()
    }
  }

  /// Closes the socket, in this turn of the loop.
  func close() {
    guard self.isOpen else { return }
    self.isOpen = false
    self.services.ownSockets.remove(self.address)
    self.services.ports.giveBack(self.port)
    self.channel.close(promise: nil)
  }
}

/// What the BINDs of a gateway share.
struct BindServices: Sendable {
  var configuration: Configuration.Bind
  var ports: BindPorts
  var ownSockets: OwnSockets
  var keepalive: TCPKeepalive
  var log: ListenerLog
}

/// On the listening channel: looks at one connection at a time, and passes on the first that is expected.
private final class BindAcceptHandler: ChannelInboundHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel

  private let isExpected: (SOCKSAddress) -> Bool
  private var accepted: ((any Channel) -> Void)?

  /// The listener has been closed for the connection that was expected.
  var hasAccepted: Bool { self.accepted == nil }

  init(isExpected: @escaping (SOCKSAddress) -> Bool, accepted: @escaping (any Channel) -> Void) {
    self.isExpected = isExpected
    self.accepted = accepted
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let child = self.unwrapInboundIn(data)
    guard let accepted = self.accepted, let peer = child.remoteAddress.flatMap(SOCKSAddress.init),
      self.isExpected(peer)
    else { return Self.reset(child) }
    self.accepted = nil
    context.fireChannelRead(data)
    context.close(promise: nil)
    // By its next turn the loop has taken the connection over.
    context.eventLoop.assumeIsolated().execute { accepted(child) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if self.accepted != nil { context.read() }
    context.fireChannelReadComplete()
  }

  private static func reset(_ channel: any Channel) {
    let options = channel as? any SocketOptionProvider
    options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
    channel.close(promise: nil)
  }
}
