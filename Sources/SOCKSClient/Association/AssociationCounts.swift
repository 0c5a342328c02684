import SOCKSCore
import Synchronization

/// What an association has dropped, for all threads to see.
final class AssociationCounts: Sendable {
  private let state = Mutex(DatagramDrops())

  var drops: DatagramDrops { self.state.withLock { $0 } }

  func count(_ reason: DatagramDrop) { self.state.withLock { $0.count(reason) } }
}
