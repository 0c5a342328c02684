import Logging
import NIOCore
import SOCKSCore
import SOCKSNIO
import Synchronization

/// Decides at accept whether a connection may come in: caps for each address, early drop, and penalties.
final class Defence: Sendable {
  let penalties: Penalties
  private let ipv6Prefix: Int
  private let random: @Sendable (Int) -> Int
  private let census: Mutex<ConnectionCensus>
  private let makeRoom: @Sendable () -> Void
  private let log: RefusalLog

  /// - Parameters:
  ///   - random: a number below the one given.
  ///   - makeRoom: called, on any event loop, when a connection has been admitted for another one that has not
  ///     authenticated: ends one.
  init(
    _ configuration: Configuration, logger: Logger, now: @escaping @Sendable () -> NIODeadline,
    random: @escaping @Sendable (Int) -> Int, makeRoom: @escaping @Sendable () -> Void
  ) {
    self.penalties = Penalties(configuration, now: now, random: random)
    self.ipv6Prefix = configuration.limits.ipv6Prefix
    self.random = random
    self.census = Mutex(ConnectionCensus(configuration.limits))
    self.makeRoom = makeRoom
    self.log = RefusalLog(logger: logger, now: now)
  }

  /// Connections that have not authenticated.
  var unauthenticated: Int { self.census.withLock { $0.unauthenticated } }

  /// Asks for a connection that has just been accepted. It counts until its channel has closed.
  func admit(_ channel: any Channel) throws(AdmissionRefusal) -> AdmittedConnection {
    guard case .address(let address)? = channel.remoteAddress.flatMap(SOCKSAddress.init)?.host else {
      // The peer has gone already, and the channel will say so.
      return AdmittedConnection(defence: self, address: nil, network: nil)
    }
    do throws(AdmissionRefusal) {
      let connection = try self.admit(address)
      channel.closeFuture.whenComplete { _ in connection.left() }
      return connection
    } catch {
      self.log.refused(address, error)
      throw error
    }
  }

  func admit(_ address: IPAddress) throws(AdmissionRefusal) -> AdmittedConnection {
    guard !self.penalties.isShutOut(address) else { throw .penalised }
    let network = SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix)
    switch self.census.withLock({ $0.arrived(from: network, random: self.random) }) {
    case .refused(let refusal): throw refusal
    case .admittedForAnother: self.makeRoom()
    case .admitted: break
    }
    return AdmittedConnection(defence: self, address: address, network: network)
  }

  fileprivate func authenticated(_ network: SourceNetwork) {
    self.census.withLock { $0.authenticated(from: network) }
  }

  fileprivate func left(_ network: SourceNetwork, wasAuthenticated: Bool) {
    self.census.withLock { $0.left(network, wasAuthenticated: wasAuthenticated) }
  }
}

/// A connection that counts.
final class AdmittedConnection: Sendable {
  private enum State {
    case unauthenticated
    case authenticated
    case left
  }

  private let defence: Defence
  private let address: IPAddress?
  private let network: SourceNetwork?
  private let state = Mutex(State.unauthenticated)

  fileprivate init(defence: Defence, address: IPAddress?, network: SourceNetwork?) {
    self.defence = defence
    self.address = address
    self.network = network
  }

  /// The client is known.
  func authenticated() {
    let isFirst = self.state.withLock { state in
      guard case .unauthenticated = state else { return false }
      state = .authenticated
      return true
    }
    if isFirst, let network = self.network { self.defence.authenticated(network) }
  }

  /// The negotiation has failed, or was given up. Of an authenticated client it is no failure.
  func failed(_ error: SOCKSError) {
    guard case .unauthenticated = self.state.withLock({ $0 }) else { return }
    guard let address = self.address, let kind = FailureKind(error) else { return }
    self.defence.penalties.record(kind, of: address)
  }

  /// The connection has closed.
  func left() {
    let before = self.state.withLock { state in
      defer { state = .left }
      return state
    }
    guard let network = self.network else { return }
    switch before {
    case .unauthenticated: self.defence.left(network, wasAuthenticated: false)
    case .authenticated: self.defence.left(network, wasAuthenticated: true)
    case .left: break
    }
  }
}
