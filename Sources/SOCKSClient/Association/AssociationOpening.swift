import NIOCore
import SOCKSCore
import SOCKSNIO

/// An association on its way: the negotiation, the change of the context to datagrams, the socket. Lives by the closures
/// that wait for it, on the control connection's event loop.
final class AssociationOpening {
  private enum State {
    case negotiating
    case binding
    case open(AssociationSession)
    case ended
  }

  /// Without the address that its datagrams will come from, a client "MUST use a port number and address of all zeros"
  /// (RFC 1928 section 4). Behind NAT our own would be a wrong one, and whose a datagram is the gateway knows by its token.
  static let request = SOCKSRequest(command: .udpAssociate, destination: .unspecified)

  private let connector: ProxyConnector
  private let control: any Channel
  private let attempt: ConnectionAttempt
  private let completion: (Result<AssociationSession, ProxyConnectorError>) -> Void
  private var state: State = .negotiating

  init(
    _ connector: ProxyConnector, control: any Channel, attempt: ConnectionAttempt,
    completion: @escaping (Result<AssociationSession, ProxyConnectorError>) -> Void
  ) {
    self.connector = connector
    self.control = control
    self.attempt = attempt
    self.completion = completion
  }

  func begin() {
    let configuration = self.connector.configuration
    var negotiation: ClientNegotiationHandler?
    let handler = ClientNegotiationHandler(
      configuration: self.connector.negotiation(of: Self.request), selective: configuration.selective,
      establishment: self.connector.makeEstablishment(self.control.eventLoop, Self.request.command),
      timeout: configuration.negotiationTimeout
    ) { result in
      let handler = negotiation
      negotiation = nil
      switch result {
      case .success(let outcome): self.negotiated(outcome, handler)
      case .failure(let error): self.fail(error)
      }
    }
    negotiation = handler
    do {
      try self.control.pipeline.syncOperations.addHandler(handler)
    } catch {
      negotiation = nil
      self.fail(SOCKSError(.connectionClosed, "the gateway closed the connection"))
    }
  }

  private func negotiated(_ outcome: ClientNegotiationHandler.Outcome, _ handler: ClientNegotiationHandler?) {
    self.state = .binding
    do {
      let datagrams = try self.beginDatagrams(handler)
      // What came behind the reply has ended it.
      guard case .binding = self.state else { return }
      let relay = try self.relayAddress(outcome.reply.bound)
      try self.bind(towards: relay).assumeIsolated().whenComplete { result in
        switch result {
        case .success(let socket): self.bound(socket, relay, datagrams, outcome)
        case .failure(let error):
          self.fail(SOCKSError(.unreachableState, "cannot open a socket for datagrams: \(words(for: error))"))
        }
      }
    } catch {
      self.fail((error as? SOCKSError) ?? SOCKSError(.connectionClosed, words(for: error)))
    }
  }

  /// From here on the control connection has nothing to say but its end.
  private func beginDatagrams(_ handler: ClientNegotiationHandler?) throws -> DatagramProtection {
    let pipeline = self.control.pipeline.syncOperations
    let datagrams = try pipeline.handler(type: EncapsulationHandler.self).beginDatagrams()
    try pipeline.addHandler(AssociationControlHandler { self.controlEnded($0) })
    if let handler { pipeline.removeHandler(handler, promise: nil) }
    return datagrams
  }

  private func bound(
    _ socket: any Channel, _ relay: SocketAddress, _ datagrams: DatagramProtection,
    _ outcome: ClientNegotiationHandler.Outcome
  ) {
    guard case .binding = self.state else { return socket.close(promise: nil) }
    do {
      let session = try AssociationSession(
        control: self.control, socket: socket, relay: relay, datagrams: datagrams, protection: outcome.protection)
      self.state = .open(session)
      self.attempt.succeeded()
      self.completion(.success(session))
    } catch {
      socket.close(promise: nil)
      self.fail(SOCKSError(.unreachableState, "cannot use the socket for datagrams: \(words(for: error))"))
    }
  }

  private func controlEnded(_ error: SOCKSError) {
    switch self.state {
    case .open(let session):
      self.state = .ended
      session.end(error)
    case .negotiating, .binding: self.fail(error)
    case .ended: break
    }
  }

  private func fail(_ error: SOCKSError) {
    switch self.state {
    case .negotiating, .binding: break
    case .open, .ended: return
    }
    self.state = .ended
    self.control.close(promise: nil)
    self.completion(
      .failure(ProxyConnectorError(negotiating: error, self.connector.configuration, request: Self.request)))
  }

  // MARK: Addresses

  /// Where the gateway takes datagrams. An address of all zeros means the gateway itself, as the client knows it.
  private func relayAddress(_ bound: SOCKSAddress) throws -> SocketAddress {
    guard bound.port > 0 else { throw SOCKSError(.malformedMessage, "the gateway's relay has no port") }
    guard let gateway = self.control.remoteAddress else {
      throw SOCKSError(.connectionClosed, "the gateway closed the connection")
    }
    guard case .address(let address) = bound.host else {
      throw SOCKSError(.unsupportedAddressType, "the gateway's relay has a name for an address")
    }
    // The connection's own address may have a zone, which the reply cannot say.
    guard bound.host.isUnspecified || IPAddress(gateway) == address else {
      return try SocketAddress(address, port: bound.port)
    }
    return gateway.with(port: bound.port)
  }

  /// A socket on the control connection's address: by it the gateway knows whose datagrams they are.
  private func bind(towards relay: SocketAddress) throws -> EventLoopFuture<any Channel> {
    let eventLoop = self.control.eventLoop
    if let local = self.control.localAddress, local.protocol == relay.protocol {
      return DatagramSocket.bind(to: local.with(port: 0), on: eventLoop)
    }
    let any: IPAddress = relay.protocol == .inet ? .v4(0) : .v6(high: 0, low: 0)
    return DatagramSocket.bind(to: try SocketAddress(any, port: 0), on: eventLoop)
  }
}

extension SocketAddress {
  func with(port: UInt16) -> SocketAddress {
    var address = self
    address.port = Int(port)
    return address
  }
}
