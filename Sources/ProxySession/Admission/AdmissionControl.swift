import Logging
public import NIOCore
public import SOCKSCore
import Synchronization

/// Decides at accept whether a connection may come in: caps for each address, early drop, and penalties.
public final class AdmissionControl: Sendable {
  public let penalties: Penalties
  private let ipv6Prefix: Int
  private let random: @Sendable (Int) -> Int
  private let counter: Mutex<ConnectionCounter>
  private let known: Mutex<Known>
  private let now: @Sendable () -> NIODeadline
  private let evict: @Sendable () -> Void
  private let lines: RepeatedLines

  /// The longest that a connection of a known address waits for its turn.
  static let longestWait: TimeAmount = .seconds(20)

  private struct Known {
    var addresses: KnownAddresses<SourceNetwork>
    var lane: SlowLane<SourceNetwork>
  }

  /// - Parameters:
  ///   - lines: where refusals are reported.
  ///   - random: a number below the one given.
  ///   - evict: called, on any event loop, when a connection has been admitted for another one that has not
  ///     authenticated: ends one.
  public init(
    _ limits: AdmissionLimits, penalties: Penalties, lines: RepeatedLines,
    now: @escaping @Sendable () -> NIODeadline = { .now() }, random: @escaping @Sendable (Int) -> Int,
    evict: @escaping @Sendable () -> Void
  ) {
    self.penalties = penalties
    self.ipv6Prefix = limits.ipv6Prefix
    self.random = random
    self.now = now
    self.counter = Mutex(ConnectionCounter(limits))
    // Those who wait are counted by nothing else: no more of them than may be there before authentication.
    self.known = Mutex(
      Known(
        addresses: KnownAddresses(lifetime: limits.known.lifetime, capacity: limits.known.addresses),
        lane: SlowLane(
          perSecond: limits.known.perSecond, connections: limits.known.connections,
          maximumWaiting: min(
            limits.unauthenticatedPerAddress,
            Int(Self.longestWait.nanoseconds / 1_000_000_000) * limits.known.perSecond))))
    self.evict = evict
    self.lines = lines
  }

  /// Connections that have not authenticated.
  public var unauthenticated: Int { self.counter.withLock { $0.unauthenticated } }

  /// Asks for a client's connection, which may have to wait for its turn. It counts until ``AdmittedConnection/left()``.
  ///
  /// Fails with an ``AdmissionRefusal``.
  ///
  /// - Parameter address: the client's; nil where it is not known, since the client disconnected already.
  public func admit(_ address: IPAddress?, on eventLoop: any EventLoop) -> EventLoopFuture<AdmittedConnection> {
    guard let address, self.penalties.isBlocked(address) else {
      return eventLoop.makeCompletedFuture { try self.admit(address) }
    }
    let network = SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix)
    let now = self.now()
    let turn: SlowLane<SourceNetwork>.Turn? = self.known.withLock { known in
      known.addresses.isKnown(network, now: now) ? known.lane.arrive(network, now: now) : nil
    }
    // Nobody has authenticated from there: blocked.
    guard let turn else { return eventLoop.makeCompletedFuture { try self.admit(address) } }
    let promise = eventLoop.makePromise(of: AdmittedConnection.self)
    self.take(turn, address, network, eventLoop, promise)
    return promise.futureResult
  }

  private func take(
    _ turn: SlowLane<SourceNetwork>.Turn, _ address: IPAddress, _ network: SourceNetwork, _ eventLoop: any EventLoop,
    _ promise: EventLoopPromise<AdmittedConnection>
  ) {
    switch turn {
    case .now:
      promise.completeWith(
        Result { () throws(AdmissionRefusal) -> AdmittedConnection in
          do throws(AdmissionRefusal) {
            try self.count(network)
          } catch {
            self.known.withLock { $0.lane.left(network) }
            self.log(error, address)
            throw error
          }
          return AdmittedConnection(control: self, address: address, network: network, isSlowed: true)
        }.mapError { $0 as any Error })
    case .at(let time):
      eventLoop.scheduleTask(deadline: time) {
        let now = self.now()
        let turn = self.known.withLock { $0.lane.retry(network, now: now) }
        self.take(turn, address, network, eventLoop, promise)
      }
    case .never:
      self.log(.penalized, address)
      promise.fail(AdmissionRefusal.penalized)
    }
  }

  /// Asks for a client's connection. It counts until ``AdmittedConnection/left()``.
  ///
  /// - Parameter address: the client's; nil where it is not known, since the client disconnected already: it counts for nobody.
  public func admit(_ address: IPAddress?) throws(AdmissionRefusal) -> AdmittedConnection {
    guard let address else { return AdmittedConnection(control: self, address: nil, network: nil) }
    do throws(AdmissionRefusal) {
      return AdmittedConnection(control: self, address: address, network: try self.network(admitting: address))
    } catch {
      self.log(error, address)
      throw error
    }
  }

  private func log(_ refusal: AdmissionRefusal, _ address: IPAddress) {
    self.lines.log(
      "refused \(refusal.rawValue)", level: .notice, "connections refused",
      metadata: ["reason": "\(refusal.rawValue)", "client": "\(address)"])
  }

  private func network(admitting address: IPAddress) throws(AdmissionRefusal) -> SourceNetwork {
    guard !self.penalties.isBlocked(address) else { throw .penalized }
    let network = SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix)
    try self.count(network)
    return network
  }

  private func count(_ network: SourceNetwork) throws(AdmissionRefusal) {
    switch self.counter.withLock({ $0.arrived(from: network, random: self.random) }) {
    case .refused(let refusal): throw refusal
    case .admittedForAnother: self.evict()
    case .admitted: break
    }
  }

  fileprivate func leftTheLane(_ network: SourceNetwork) {
    self.known.withLock { $0.lane.left(network) }
  }

  fileprivate func isKnownFromNowOn(_ network: SourceNetwork) {
    let now = self.now()
    self.known.withLock { $0.addresses.authenticated(network, now: now, random: self.random) }
  }

  fileprivate func authenticated(_ network: SourceNetwork) {
    self.counter.withLock { $0.authenticated(from: network) }
  }

  fileprivate func left(_ network: SourceNetwork, wasAuthenticated: Bool) {
    self.counter.withLock { $0.left(network, wasAuthenticated: wasAuthenticated) }
  }
}

/// A connection that counts.
public final class AdmittedConnection: Sendable {
  private enum State {
    case unauthenticated
    case authenticated
    case left
  }

  private let control: AdmissionControl
  private let address: IPAddress?
  /// Nil where the client's address is not known.
  public let network: SourceNetwork?
  /// It has a place in the slow lane of its address until it has authenticated.
  private let isSlowed: Bool
  private let state = Mutex(State.unauthenticated)

  fileprivate init(
    control: AdmissionControl, address: IPAddress?, network: SourceNetwork?, isSlowed: Bool = false
  ) {
    self.isSlowed = isSlowed
    self.control = control
    self.address = address
    self.network = network
  }

  /// The client is known.
  public func authenticated() {
    let isFirst = self.state.withLock { state in
      guard case .unauthenticated = state else { return false }
      state = .authenticated
      return true
    }
    guard isFirst, let network = self.network else { return }
    self.control.authenticated(network)
    if self.isSlowed { self.control.leftTheLane(network) }
  }

  /// Somebody has proved who they are: the address is known for a while. Not for clients that need no authentication.
  public func hasProvedIdentity() {
    if let network = self.network { self.control.isKnownFromNowOn(network) }
  }

  /// The session has ended. What that says of a client that was not known yet is a failure of its address's.
  ///
  /// - Parameter hasSentCredential: the client has sent a token or a password.
  public func ended(_ end: SessionEnd, hasSentCredential: Bool = true) {
    guard case .unauthenticated = self.state.withLock({ $0 }) else { return }
    guard let address = self.address, let kind = end.penalty(hasSentCredential: hasSentCredential) else { return }
    self.control.penalties.record(kind, of: address)
  }

  /// The connection has closed.
  public func left() {
    let before = self.state.withLock { state in
      defer { state = .left }
      return state
    }
    guard let network = self.network else { return }
    switch before {
    case .unauthenticated:
      self.control.left(network, wasAuthenticated: false)
      if self.isSlowed { self.control.leftTheLane(network) }
    case .authenticated: self.control.left(network, wasAuthenticated: true)
    case .left: break
    }
  }
}
