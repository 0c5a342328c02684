import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// One UDP association: a socket towards the client, one for each family of targets, and what is relayed between them.
/// Belongs to the event loop of the control connection.
///
/// Whatever is wrong with a datagram, it is dropped, counted and not answered: "it does so silently" (RFC 1928 section 7).
final class Association {
  private let session: Session
  private let eventLoop: any EventLoop
  private let settings: Configuration.UDP
  private let services: AssociationServices
  /// What the control connection has reached of the gateway.
  private let local: SocketAddress
  private var client: AssociationClient
  private var protection = DatagramProtection()
  private var targets: AssociationTargets
  private var reassembly = FragmentReassembly()
  private var counts = AssociationCounts()
  /// Nil until it begins.
  private var limits: AssociationLimits?

  private var clientSocket: AssociationSocket?
  private var socketV4: AssociationSocket?
  private var socketV6: AssociationSocket?
  private var endpoint: ListenerEndpoint?

  private var isRelaying = false
  private var waiting = 0
  /// Something was relayed since the idle timer was set.
  private var isBusy = false
  private var idleTimer: Scheduled<Void>?
  private var reassemblyTimer: Scheduled<Void>?
  /// Of the event loop: an association that is idle holds none.
  private let memory: AssociationMemory

  /// Octets of datagrams that may wait for names.
  static let waitingOctets = 256 * 1_024
  private var octetsWaiting = 0
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

  private func makeSocket(
    _ address: SocketAddress, gone: @escaping () -> Void, received: @escaping (AddressedEnvelope<ByteBuffer>) -> Void
  ) -> AssociationSocket {
    AssociationSocket(
      address, services: self.services, descriptors: self.session.descriptors, eventLoop: self.eventLoop,
      received: received,
      readCompleted: { [weak self] in self?.flush() },
      lost: { [weak self] in self?.counts.drops.count(.notSent) }, gone: gone)
  }

  private func flush() {
    self.clientSocket?.flush()
    self.socketV4?.flush()
    self.socketV6?.flush()
  }

  // MARK: From the client

  private func receivedFromClient(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard self.isRelaying else { return }
    guard self.client.admits(envelope.remoteAddress) else { return self.counts.drops.count(.foreignSource) }
    var plaintext = self.memory.fromClient.take()
    do throws(DatagramDrop) {
      try self.protection.open(envelope.data, into: &plaintext)
      let (fragment, destination) = try DatagramHeader.take(from: &plaintext)
      self.client.lock(to: envelope.remoteAddress)
      if fragment == 0x00, !self.reassembly.isCollecting {
        try self.relay(plaintext, to: destination)
      } else {
        try self.reassemble(fragment, plaintext, to: destination)
      }
    } catch {
      self.counts.drops.count(error)
    }
    // Unprotected, it is a part of what NIO has read into, and will read into again.
    if self.protection.level != nil { self.memory.fromClient.keep(plaintext) }
  }

  private func reassemble(_ fragment: UInt8, _ data: ByteBuffer, to field: ByteBuffer) throws(DatagramDrop) {
    // "an implementation that does not support fragmentation MUST drop any datagram whose FRAG field is other than X'00'"
    guard self.settings.fragments == .reassemble else { throw .fragment }
    let header = UDPRequestHeader(fragment: fragment, destination: try DatagramHeader.address(field))
    let outcome = self.reassembly.received(header, data)
    self.apply(outcome)
    if let whole = outcome.whole { try self.relay(whole, to: field) }
  }

  private func apply(_ outcome: FragmentReassembly.Outcome) {
    if outcome.abandoned > 0 { self.counts.drops.count(.fragment, datagrams: UInt64(outcome.abandoned)) }
    guard outcome.timer != .unchanged else { return }
    self.reassemblyTimer?.cancel()
    self.reassemblyTimer = nil
    guard outcome.timer == .start else { return }
    self.reassemblyTimer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(FragmentReassembly.timeout)) {
      [weak self] in
      guard let self, self.isRelaying else { return }
      self.apply(self.reassembly.timerExpired())
    }
  }

  // MARK: To a target

  private func relay(_ data: ByteBuffer, to field: ByteBuffer) throws(DatagramDrop) {
    guard data.readableBytes <= Self.maximumData else { throw .tooLarge }
    guard let target = self.targets.target(field) else { return try self.relay(data, toNew: field) }
    switch target.state {
    case .reachable(let peer, let end) where self.eventLoop.now < end:
      try self.send(data, to: peer)
    case .refused(let drop, let end) where self.eventLoop.now < end:
      throw drop
    case .resolving(let attempt, var waiting):
      waiting.append(try self.wait(data))
      target.state = .resolving(attempt, waiting: waiting)
    case .reachable, .refused:
      // What was known is too old.
      try self.decide(data, target, to: try DatagramHeader.address(field))
    }
  }

  private func relay(_ data: ByteBuffer, toNew field: ByteBuffer) throws(DatagramDrop) {
    let destination = try DatagramHeader.address(field)
    let target = AssociationTarget(.refused(.notSent, until: .distantPast))
    guard self.targets.add(target, field) else { throw .queueFull }
    try self.decide(data, target, to: destination)
  }

  /// Asks the rules about a target, for this datagram and those that follow soon.
  private func decide(
    _ data: ByteBuffer, _ target: AssociationTarget, to destination: SOCKSAddress
  ) throws(DatagramDrop) {
    switch self.session.access(.associate, to: destination) {
    case .failure(let end):
      self.refused(end)
      let drop: DatagramDrop = end.cause == .malformedName ? .malformedName : .refusedByRule
      target.state = .refused(drop, until: self.eventLoop.now + Self.decisionLifetime)
      throw drop
    case .success(.name(let name)):
      guard let known = target.answer, self.eventLoop.now < known.until else {
        return try self.resolve(name, data, target, port: destination.port)
      }
      target.state = self.state(self.session.route(of: name, known.answer), port: destination.port, until: known.until)
    case .success(.address(let route)):
      target.state = self.state(.granted(route), port: destination.port, until: .distantFuture)
    case .success(.anyPeer): throw .unresolved
    }
    try self.proceed(data, target)
  }

  private func proceed(_ data: ByteBuffer, _ target: AssociationTarget) throws(DatagramDrop) {
    switch target.state {
    case .reachable(let peer, _): try self.send(data, to: peer)
    case .refused(let drop, _): throw drop
    case .resolving: throw .queueFull
    }
  }

  /// The first address that the rules and the system let a datagram go to; for a while, and not longer than `end`.
  private func state(_ route: Route, port: UInt16, until end: NIODeadline) -> AssociationTarget.State {
    let end = min(end, self.eventLoop.now + Self.decisionLifetime)
    switch route {
    case .refused(let decision):
      self.refused(SessionEnd(decision))
      return .refused(.refusedByRule, until: end)
    case .granted(let addresses):
      for granted in addresses {
        guard port != 0, DatagramPath.exists(to: granted.address, port: port),
          let peer = try? AssociationPeer(granted.address, port: port)
        else { continue }
        // The record has the first that is used.
        if self.session.record.grant == nil { self.session.granted(granted.grant) }
        peer.throttle = self.limits?.throttle(under: granted.grant)
        return .reachable(peer, until: end)
      }
      // The network may come back.
      return .refused(.notSent, until: self.eventLoop.now + Self.failedNameLifetime)
    }
  }

  private func refused(_ end: SessionEnd) {
    guard self.counts.refusingRule == nil, case .refused(let refusal) = end.cause else { return }
    self.counts.refusingRule = refusal.rule
  }

  private func send(_ data: ByteBuffer, to peer: AssociationPeer) throws(DatagramDrop) {
    try self.throttle(peer.throttle, data, from: .client)
    let socket = try self.targetSocket(for: peer)
    try socket.send(data, to: peer.socketAddress)
    self.targets.asked(peer)
    self.isBusy = true
    self.counts.datagramsFromClient += 1
    self.counts.bytesFromClient += UInt64(data.readableBytes)
  }

  private func throttle(
    _ throttle: SessionThrottle?, _ data: ByteBuffer, from side: StreamRelay.Side
  ) throws(DatagramDrop) {
    guard let throttle else { return }
    guard throttle.admitsDatagram(data.readableBytes, from: side, now: self.eventLoop.now) else { throw .overBandwidth }
  }

  private func targetSocket(for peer: AssociationPeer) throws(DatagramDrop) -> AssociationSocket {
    if let socket = peer.isV6 ? self.socketV6 : self.socketV4 { return socket }
    let any: IPAddress = peer.isV6 ? .v6(high: 0, low: 0) : .v4(0)
    guard let address = try? SocketAddress(any, port: 0) else { throw .notSent }
    let socket = self.makeSocket(address, gone: {}) { [weak self] in self?.receivedFromTarget($0) }
    if peer.isV6 { self.socketV6 = socket } else { self.socketV4 = socket }
    return socket
  }

  // MARK: Names

  private func resolve(
    _ name: RequestedName, _ data: ByteBuffer, _ target: AssociationTarget, port: UInt16
  ) throws(DatagramDrop) {
    let attempt = ConnectAttempt(eventLoop: self.eventLoop, identity: self.session.identity)
    target.state = .resolving(attempt, waiting: [try self.wait(data)])
    self.session.services.lookup.answer(name.question, attempt: attempt).assumeIsolated().whenComplete {
      [weak self] result in
      guard let self, self.isRelaying else { return }
      self.resolved(result, target, name, port: port)
    }
  }

  private func resolved(
    _ result: Result<NameAnswer, any Error>, _ target: AssociationTarget, _ name: RequestedName, port: UInt16
  ) {
    guard case .resolving(_, let waiting) = target.state else { return }
    let end = self.eventLoop.now + TimeAmount(self.settings.nameLifetime)
    switch result {
    case .success(let answer):
      target.answer = (answer, end)
      target.state = self.state(self.session.route(of: name, answer), port: port, until: end)
    case .failure:
      target.answer = nil
      target.state = .refused(.unresolved, until: self.eventLoop.now + Self.failedNameLifetime)
    }
    for data in waiting {
      self.waiting -= 1
      self.octetsWaiting -= data.readableBytes
      do throws(DatagramDrop) {
        try self.proceed(data, target)
      } catch {
        self.counts.drops.count(error)
      }
    }
    self.flush()
  }

  /// A datagram that waits, with storage of its own.
  private func wait(_ data: ByteBuffer) throws(DatagramDrop) -> ByteBuffer {
    guard self.waiting < self.settings.waiting, self.octetsWaiting + data.readableBytes <= Self.waitingOctets else {
      throw .queueFull
    }
    self.waiting += 1
    self.octetsWaiting += data.readableBytes
    return ByteBuffer(bytes: data.readableBytesView)
  }

  // MARK: From a target

  private func receivedFromTarget(_ envelope: AddressedEnvelope<ByteBuffer>) {
    guard self.isRelaying else { return }
    var datagram = self.memory.fromTargets.take()
    do throws(DatagramDrop) {
      let peer = self.targets.peer(at: envelope.remoteAddress)
      let source = try self.source(peer, envelope.remoteAddress)
      guard let client = self.client.address, let socket = self.clientSocket else { throw .unknownClient }
      try self.throttle(peer?.throttle ?? self.limits?.throttle(under: nil), envelope.data, from: .target)
      try self.protection.protect(envelope.data, header: UDPRequestHeader(destination: source), into: &datagram)
      try socket.send(datagram, to: client)
      self.isBusy = true
      self.counts.datagramsFromTargets += 1
      self.counts.bytesFromTargets += UInt64(envelope.data.readableBytes)
    } catch {
      self.counts.drops.count(error)
    }
    self.memory.fromTargets.keep(datagram)
  }

  private func source(_ peer: AssociationPeer?, _ address: SocketAddress) throws(DatagramDrop) -> SOCKSAddress {
    if let peer { return peer.address }
    guard self.settings.replies == .any, let source = SOCKSAddress(address) else { throw .unaskedSource }
    return source
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
