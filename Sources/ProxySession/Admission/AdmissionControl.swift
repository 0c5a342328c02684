import Logging
import NIOCore
public import SOCKSCore
import Synchronization

/// Decides at accept whether a connection may come in: caps for each address, early drop, and penalties.
public final class AdmissionControl: Sendable {
  public let penalties: Penalties
  private let ipv6Prefix: Int
  private let random: @Sendable (Int) -> Int
  private let counter: Mutex<ConnectionCounter>
  private let evict: @Sendable () -> Void
  private let lines: RepeatedLines

  /// - Parameters:
  ///   - lines: where refusals are reported.
  ///   - random: a number below the one given.
  ///   - evict: called, on any event loop, when a connection has been admitted for another one that has not
  ///     authenticated: ends one.
  public init(
    _ limits: AdmissionLimits, penalties: Penalties, lines: RepeatedLines, random: @escaping @Sendable (Int) -> Int,
    evict: @escaping @Sendable () -> Void
  ) {
    self.penalties = penalties
    self.ipv6Prefix = limits.ipv6Prefix
    self.random = random
    self.counter = Mutex(ConnectionCounter(limits))
    self.evict = evict
    self.lines = lines
  }

  /// Connections that have not authenticated.
  public var unauthenticated: Int { self.counter.withLock { $0.unauthenticated } }

  /// Asks for a client's connection. It counts until ``AdmittedConnection/left()``.
  ///
  /// - Parameter address: the client's; nil where it is not known, since the client has gone already: it counts for nobody.
  public func admit(_ address: IPAddress?) throws(AdmissionRefusal) -> AdmittedConnection {
    guard let address else { return AdmittedConnection(control: self, address: nil, network: nil) }
    do throws(AdmissionRefusal) {
      return AdmittedConnection(control: self, address: address, network: try self.network(admitting: address))
    } catch {
      self.lines.log(
        "refused \(error.rawValue)", level: .notice, "connections refused",
        metadata: ["reason": "\(error.rawValue)", "client": "\(address)"])
      throw error
    }
  }

  private func network(admitting address: IPAddress) throws(AdmissionRefusal) -> SourceNetwork {
    guard !self.penalties.isBlocked(address) else { throw .penalized }
    let network = SourceNetwork(of: address, ipv6Prefix: self.ipv6Prefix)
    switch self.counter.withLock({ $0.arrived(from: network, random: self.random) }) {
    case .refused(let refusal): throw refusal
    case .admittedForAnother: self.evict()
    case .admitted: break
    }
    return network
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
  private let network: SourceNetwork?
  private let state = Mutex(State.unauthenticated)

  fileprivate init(control: AdmissionControl, address: IPAddress?, network: SourceNetwork?) {
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
    if isFirst, let network = self.network { self.control.authenticated(network) }
  }

  /// The session has ended. What that says of a client that was not known yet is a failure of its address's.
  public func ended(_ end: SessionEnd) {
    guard case .unauthenticated = self.state.withLock({ $0 }) else { return }
    guard let address = self.address, let kind = end.penalty else { return }
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
    case .unauthenticated: self.control.left(network, wasAuthenticated: false)
    case .authenticated: self.control.left(network, wasAuthenticated: true)
    case .left: break
    }
  }
}
