import NIOCore
import ProxySession
import SOCKSCore
import SOCKSNIO

/// Datagrams to targets: what the rules say, names, and the socket of each family.
extension Association {
  func relay(_ data: ByteBuffer, to field: ByteBuffer) throws(DatagramDrop) {
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

  func throttle(
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
}
