import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// One UDP association: a socket towards the client, one for each family of targets, and what is relayed between them.
/// Belongs to the event loop of the control connection.
///
/// Whatever is wrong with a datagram, it is dropped, counted and not answered: "it does so silently" (RFC 1928 section 7).
final class Association {
  let session: Session
  let eventLoop: any EventLoop
  let settings: Configuration.UDP
  private let services: AssociationServices
  /// What the control connection has reached of the gateway.
  private let local: SocketAddress
  var client: AssociationClient
  var protection = DatagramProtection()
  var targets: AssociationTargets
  var reassembly = FragmentReassembly()
  var counts = AssociationCounts()
  /// Nil until it begins.
  var limits: AssociationLimits?

  var clientSocket: AssociationSocket?
  var socketV4: AssociationSocket?
  var socketV6: AssociationSocket?
  private var endpoint: ListenerEndpoint?

  var isRelaying = false
  var waiting = 0
  /// Something was relayed since the idle timer was set.
  var isBusy = false
  private var idleTimer: Scheduled<Void>?
  var reassemblyTimer: Scheduled<Void>?
  /// Of the event loop: an association that is idle holds none.
  let memory: AssociationMemory

  /// Octets of datagrams that may wait for names.
  static let waitingOctets = 256 * 1_024
  var octetsWaiting = 0
  /// How long a name counts as one without addresses.
  static let failedNameLifetime: TimeAmount = .seconds(5)
  /// How long what the rules said to an address holds: the gateway's own sockets, which they keep clients from, come and go.
  static let decisionLifetime: TimeAmount = .seconds(1)
  /// Octets of data that fit a datagram, in IPv4 and IPv6.
  static let maximumData = 65_507

  /// - Returns: nil for a control connection without addresses.
  init?(_ requested: SOCKSAddress, of session: Session) {
    guard let peer = session.channel.remoteAddress, let local = session.channel.localAddress else { return nil }
    self.session = session
    self.eventLoop = session.channel.eventLoop
    self.settings = session.services.associations.configuration
    self.services = session.services.associations
    self.local = local
    self.client = AssociationClient(peer: peer, requested: requested)
    self.targets = AssociationTargets(limit: self.settings.targets)
    self.memory = self.services.memory.value(of: self.eventLoop)
  }

  // MARK: Beginning and end

  /// Binds the socket towards the client; the future has the address to tell it.
  func open() -> EventLoopFuture<SOCKSAddress> {
    self.open(attempts: AssociationPorts.maximumAttempts)
  }

  private func open(attempts: Int) -> EventLoopFuture<SOCKSAddress> {
    var address = self.local
    address.port = 0
    if let range = self.settings.ports, let own = IPAddress(self.local) {
      guard let endpoint = self.services.ports.reserve(own, in: range.ports) else {
        return self.eventLoop.makeFailedFuture(SessionEnd(.limit(.ports), "every port for associations is taken"))
      }
      self.endpoint = endpoint
      address.port = Int(endpoint.port)
    }
    let socket = self.makeSocket(address, gone: { [weak self] in self?.lostClientSocket() }) { [weak self] in
      self?.receivedFromClient($0)
    }
    self.clientSocket = socket
    return socket.open().assumeIsolated()
      .flatMapThrowing { try self.opened(at: $0) }
      .flatMapError { error in
        self.releaseEndpoint()
        // Another program has the port: it is left to it.
        guard self.settings.ports != nil, !(error is SessionEnd), attempts > 1, self.clientSocket === socket else {
          return self.eventLoop.makeFailedFuture(error)
        }
        return self.open(attempts: attempts - 1)
      }.nonisolated()
  }

  private func opened(at address: SocketAddress) throws -> SOCKSAddress {
    guard let bound = SOCKSAddress(address), case .address(let own) = bound.host else {
      throw SessionEnd(.trouble(.socket), "the socket for datagrams has no address")
    }
    guard let advertised = self.settings.advertiseAddress, advertised.bitWidth == own.bitWidth else { return bound }
    return SOCKSAddress(advertised, port: bound.port)
  }

  /// The success reply is on its way.
  func begin(_ protection: DatagramProtection) {
    self.protection = protection
    self.isRelaying = true
    self.limits = AssociationLimits(self.session)
    self.scheduleIdleTimer()
  }

  /// Closes everything at once, and enters what was relayed into the session's record.
  func end() {
    guard self.clientSocket != nil else { return }
    self.isRelaying = false
    for socket in [self.clientSocket, self.socketV4, self.socketV6] { socket?.close() }
    self.clientSocket = nil
    self.socketV4 = nil
    self.socketV6 = nil
    self.releaseEndpoint()
    self.idleTimer?.cancel()
    self.reassemblyTimer?.cancel()
    self.targets.removeAll()
    if self.waiting > 0 { self.counts.drops.count(.unresolved, datagrams: UInt64(self.waiting)) }
    self.session.record.association = self.counts
  }

  private func lostClientSocket() {
    guard self.isRelaying else { return }
    self.session.end(SessionEnd(.trouble(.socket), "the socket for datagrams has failed"))
  }

  private func releaseEndpoint() {
    if let endpoint = self.endpoint { self.services.ports.release(endpoint) }
    self.endpoint = nil
  }

  func makeSocket(
    _ address: SocketAddress, gone: @escaping () -> Void, received: @escaping (AddressedEnvelope<ByteBuffer>) -> Void
  ) -> AssociationSocket {
    AssociationSocket(
      address, services: self.services, descriptors: self.session.descriptors, eventLoop: self.eventLoop,
      received: received,
      readCompleted: { [weak self] in self?.flush() },
      lost: { [weak self] in self?.counts.drops.count(.notSent) }, gone: gone)
  }

  func flush() {
    self.clientSocket?.flush()
    self.socketV4?.flush()
    self.socketV6?.flush()
  }

  // MARK: Idle time

  private func scheduleIdleTimer() {
    self.isBusy = false
    let idle = TimeAmount(self.settings.idle)
    self.idleTimer = self.eventLoop.assumeIsolated().scheduleTask(in: idle) { [weak self] in
      guard let self, self.isRelaying else { return }
      guard !self.isBusy else { return self.scheduleIdleTimer() }
      self.session.end(SessionEnd(.timeout(.idle), "no datagram was relayed for too long"))
    }
  }
}
