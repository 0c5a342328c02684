import NIOCore
import NIOPosix
import Platform
import ProxySession
import SOCKSCore
import SOCKSNIO

/// BIND (RFC 1928 section 4): a listener for one connection of the host that the client expects, two replies, and then a
/// relay of two streams.
///
/// A connection from anybody else is reset, and the wait goes on: who else knows the port can neither take the connection
/// nor end the wait. How many come is not limited, for a limit would let them end it; each costs an accept and a close.
final class ServedBind: ServedRequest {
  private enum State {
    case ready
    /// A name is resolved, or the socket opened.
    case preparing(ConnectAttempt)
    /// The first reply has been given.
    case listening(BindListener)
    /// The peer is there; the second reply is being written.
    case connected(TargetConnection)
    case relaying(StreamRelaySession)
    case ended
  }

  /// Who may come.
  private enum Expected {
    case hosts([GrantedAddress])
    /// Everybody whom the rules allow.
    case anyPeer(AccessEvaluation)

    var first: IPAddress? {
      switch self {
      case .hosts(let route): route.first?.address
      case .anyPeer: nil
      }
    }
  }

  private let destination: SOCKSAddress
  /// The session lets go of this when its connection has closed.
  private let session: Session
  private let announce: (SOCKSAddress) -> Void
  private var answer: ((Result<SOCKSAddress, SessionEnd>) -> Void)?
  private var state: State = .ready
  /// Under which the peer has come.
  private var grant: Grant?
  private var timer: Scheduled<Void>?

  /// - Parameter announce: gives the first reply.
  init(_ destination: SOCKSAddress, of session: Session, announce: @escaping (SOCKSAddress) -> Void) {
    self.destination = destination
    self.session = session
    self.announce = announce
  }

  var isRelaying: Bool {
    if case .relaying = self.state { true } else { false }
  }

  func begin(answer: @escaping (Result<SOCKSAddress, SessionEnd>) -> Void) {
    self.answer = answer
    let target: RequestedTarget
    switch self.session.access(.bind, to: self.destination) {
    case .failure(let end): return self.finish(.failure(end))
    case .success(let requested): target = requested
    }
    let attempt = ConnectAttempt(
      eventLoop: self.session.channel.eventLoop, identity: self.session.identity, descriptors: self.session.descriptors)
    self.state = .preparing(attempt)
    if case .anyPeer(let evaluation) = target { return self.listen(for: .anyPeer(evaluation)) }
    self.session.route(to: target, attempt: attempt).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let route): self.listen(for: .hosts(route))
      case .failure(let error): self.finish(.failure(SessionEnd(connecting: error)))
      }
    }
  }

  // MARK: Listening

  private func listen(for expected: Expected) {
    guard case .preparing = self.state else { return }
    let address: IPAddress
    do throws(SessionEnd) {
      address = try self.listeningAddress(for: expected.first)
    } catch {
      return self.finish(.failure(error))
    }
    BindListener.open(
      on: address, services: self.session.services.bind, descriptors: self.session.descriptors,
      eventLoop: self.session.channel.eventLoop,
      isExpected: { [weak self] in self?.isExpected($0, expected) ?? false },
      accepted: { [weak self] in
        guard let self else { return $0.close(promise: nil) }
        self.accepted($0)
      },
      lost: { [weak self] in self?.lost() },
      completion: { result in
        switch result {
        case .success(let listener): self.listening(listener)
        case .failure(let error): self.finish(.failure(error))
        }
      })
  }

  /// The configured address, or the one from which the machine would reach the peer; for a peer that nobody knows yet, the
  /// one at which the client has reached the gateway.
  private func listeningAddress(for peer: IPAddress?) throws(SessionEnd) -> IPAddress {
    let configured = self.session.services.bind.configuration.listenAddress
    guard let peer else {
      if let address = configured ?? self.session.channel.localAddress.flatMap(IPAddress.init) { return address }
      throw SessionEnd(.trouble(.socket), "the gateway's own address is not known")
    }
    if let configured, configured.bitWidth == peer.bitWidth { return configured }
    do throws(SystemError) {
      if let address = IPAddress(octets: try LocalAddress.towards(peer.octets)) { return address }
    } catch {
      throw SessionEnd(connecting: IOError(errnoCode: error.code, reason: "no address to listen on"))
    }
    throw SessionEnd(.trouble(.socket), "the gateway's own address is not known")
  }

  private func listening(_ listener: BindListener) {
    guard case .preparing = self.state else { return listener.close() }
    self.state = .listening(listener)
    self.session.record.bound = listener.address
    let configuration = self.session.services.bind.configuration
    self.timer = self.session.channel.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(configuration.timeout)) {
      [weak self] in self?.finish(.failure(SessionEnd(.timeout(.bind))))
    }
    self.announce(configuration.advertised(for: listener.address))
    // The first reply may have failed.
    if case .listening = self.state { listener.startAccepting() }
  }

  private func isExpected(_ peer: SOCKSAddress, _ expected: Expected) -> Bool {
    guard case .listening = self.state, case .address(let address) = peer.host else { return false }
    guard let grant = self.grant(to: address, of: expected) else {
      self.session.record.rejectedPeers += 1
      return false
    }
    self.grant = grant
    self.session.granted(grant)
    return true
  }

  private func grant(to peer: IPAddress, of expected: Expected) -> Grant? {
    switch expected {
    case .hosts(let route): return route.grant(at: peer)
    case .anyPeer(let evaluation):
      guard case .granted(let route) = self.session.route(evaluation, to: [peer]) else { return nil }
      return route.grant(at: peer)
    }
  }

  private func accepted(_ peer: any Channel) {
    guard case .listening(let listener) = self.state else { return peer.close(promise: nil) }
    listener.close()
    guard peer.isActive, let address = peer.remoteAddress.flatMap(SOCKSAddress.init) else {
      peer.close(promise: nil)
      return self.finish(.failure(SessionEnd(.connectionClosed, by: .target, "the peer closed the connection at once")))
    }
    guard let grant = self.grant else {
      peer.close(promise: nil)
      return self.finish(.failure(SessionEnd(.bug)))
    }
    self.state = .connected(TargetConnection(channel: peer, grant: grant))
    do throws(SessionEnd) {
      try self.session.descriptors.take(for: peer)
    } catch {
      return self.finish(.failure(error))
    }
    self.session.record.peer = address
    self.finish(.success(address))
  }

  /// The system has closed the listener.
  private func lost() {
    guard case .listening = self.state else { return }
    self.finish(.failure(SessionEnd(.trouble(.socket), "the system closed the listening socket")))
  }

  // MARK: Relaying

  func replied(_ start: ServerNegotiationHandover) {
    guard case .connected(let connection) = self.state else { return self.session.channel.close(promise: nil) }
    let relay = self.session.makeRelay(under: connection.grant)
    self.state = .relaying(relay)
    self.session.begin(relay, start, with: connection.channel)
  }

  func end() {
    if case .relaying(let relay) = self.state { relay.end() }
  }

  // MARK: Endings

  /// Gives the last reply.
  private func finish(_ result: Result<SOCKSAddress, SessionEnd>) {
    if case .failure = result { self.abandon() }
    self.timer?.cancel()
    self.timer = nil
    let answer = self.answer
    self.answer = nil
    answer?(result)
  }

  func abandon() {
    self.timer?.cancel()
    self.timer = nil
    switch self.state {
    case .preparing(let attempt):
      self.state = .ended
      attempt.giveUp()
    case .listening(let listener):
      self.state = .ended
      listener.close()
    case .connected(let connection):
      self.state = .ended
      connection.channel.close(promise: nil)
    case .ready, .relaying, .ended: break
    }
  }
}
