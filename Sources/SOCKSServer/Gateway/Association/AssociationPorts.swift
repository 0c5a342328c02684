import SOCKSCore
import Synchronization

/// The addresses and ports of the configured range that associations of this gateway are reached at, so that none is given
/// away twice.
final class AssociationPorts: Sendable {
  private struct State {
    var taken: Set<ListenerEndpoint> = []
  }

  /// What ``reserve(_:in:)`` may be tried with when another program has a port.
  static let maximumAttempts = 16

  private let state = Mutex(State())

  /// Takes a port of the range that no association has, at random.
  ///
  /// - Returns: nil when all are taken.
  func reserve(_ address: IPAddress, in range: ClosedRange<UInt16>) -> ListenerEndpoint? {
    self.state.withLock { state in
      let start = UInt16.random(in: range)
      for port in [start...range.upperBound, range.lowerBound...start].joined() {
        let endpoint = ListenerEndpoint(address: address, port: port)
        if state.taken.insert(endpoint).inserted { return endpoint }
      }
      return nil
    }
  }

  func release(_ endpoint: ListenerEndpoint) { _ = self.state.withLock { $0.taken.remove(endpoint) } }
}
