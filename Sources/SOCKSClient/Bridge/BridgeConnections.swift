import NIOCore
import SOCKSCore
import Synchronization

/// The bridge's listeners and its local connections, at most as many as the limit says.
final class BridgeConnections: Sendable {
  private struct State {
    var listeners: [any Channel] = []
    var boundAddresses: [SOCKSAddress] = []
    var channels: [ObjectIdentifier: any Channel] = [:]
    var nextNumber: UInt64 = 1
    var isStopped = false
  }

  private let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = max(1, limit) }

  var count: Int { self.state.withLock { $0.channels.count } }

  var boundAddresses: [SOCKSAddress] { self.state.withLock { $0.boundAddresses } }

  func listening(_ listeners: [any Channel], at addresses: [SOCKSAddress]) {
    self.state.withLock {
      $0.listeners = listeners
      $0.boundAddresses = addresses
    }
  }

  /// Keeps the channel until it is closed.
  ///
  /// - Returns: the connection's number for the log; nil when there are too many, or the bridge is stopping.
  func add(_ channel: any Channel) -> UInt64? {
    let id = ObjectIdentifier(channel)
    let number: UInt64? = self.state.withLock { state in
      guard !state.isStopped, state.channels.count < self.limit else { return nil }
      state.channels[id] = channel
      defer { state.nextNumber += 1 }
      return state.nextNumber
    }
    if number != nil {
      channel.closeFuture.whenComplete { _ in
        self.state.withLock { state in _ = state.channels.removeValue(forKey: id) }
      }
    }
    return number
  }

  /// From now on nothing is added.
  func stop() -> (listeners: [any Channel], channels: [any Channel]) {
    self.state.withLock { state in
      state.isStopped = true
      return (state.listeners, Array(state.channels.values))
    }
  }
}
