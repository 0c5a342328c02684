import NIOCore
import SOCKSCore
import Synchronization

/// The descriptors that sessions may open besides their clients' connections.
final class DescriptorBudget: Sendable {
  let limit: Int
  private let used = Atomic(0)

  init(limit: Int) { self.limit = limit }

  var inUse: Int { self.used.load(ordering: .relaxed) }

  /// Counts a channel until it has closed.
  ///
  /// - Throws: `tooBusy` when there are too many.
  func take(for channel: any Channel) throws(SOCKSError) {
    let before = self.used.wrappingAdd(1, ordering: .relaxed).oldValue
    guard before < self.limit else {
      self.used.wrappingSubtract(1, ordering: .relaxed)
      throw SOCKSError(.tooBusy, "the gateway has no descriptor to spare")
    }
    channel.closeFuture.whenComplete { _ in self.used.wrappingSubtract(1, ordering: .relaxed) }
  }
}
