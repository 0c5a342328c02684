import NIOCore
import ProxySession
import Synchronization

/// The descriptors that sessions may open besides their clients' connections.
final class DescriptorBudget: Sendable {
  private let total: Int
  private let connections: @Sendable () -> Int
  private let used = Atomic(0)

  /// - Parameters:
  ///   - total: for clients' connections and what sessions open, together.
  ///   - connections: how many clients' connections there are.
  init(total: Int, connections: @escaping @Sendable () -> Int = { 0 }) {
    self.total = total
    self.connections = connections
  }

  var inUse: Int { self.used.load(ordering: .relaxed) }

  /// Counts a channel until it has closed.
  ///
  /// - Throws: `limit(.descriptors)` when there are too many.
  func take(for channel: any Channel) throws(SessionEnd) {
    let before = self.used.wrappingAdd(1, ordering: .relaxed).oldValue
    guard before < self.total - self.connections() else {
      self.used.wrappingSubtract(1, ordering: .relaxed)
      throw SessionEnd(.limit(.descriptors), "the gateway has no descriptor to spare")
    }
    channel.closeFuture.whenComplete { _ in self.used.wrappingSubtract(1, ordering: .relaxed) }
  }
}
