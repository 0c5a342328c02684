import SOCKSCore
import Synchronization

/// The addresses and ports that associations of this gateway are reached at, so that none is given away twice, and none
/// becomes a target.
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

  /// Takes a port that the system chose.
  func take(_ endpoint: ListenerEndpoint) { _ = self.state.withLock { $0.taken.insert(endpoint) } }

  func release(_ endpoint: ListenerEndpoint) { _ = self.state.withLock { $0.taken.remove(endpoint) } }

  /// Whether an address, in any form in which it may be carried, and a port are an association's.
  func contains(_ address: IPAddress, port: UInt16) -> Bool {
    let address = address.unmapped
    let forms = [address] + address.carriedAddresses.map(\.address)
    return self.state.withLock { state in
      forms.contains { state.taken.contains(ListenerEndpoint(address: $0, port: port)) }
    }
  }

  var count: Int { self.state.withLock { $0.taken.count } }
}
