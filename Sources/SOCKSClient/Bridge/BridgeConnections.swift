import NIOCore
import ProxySession
import SOCKSCore
import Synchronization

/// The bridge's listeners and its local connections, at most as many as its ledger has capacity for.
final class BridgeConnections: Sendable {
  private struct State {
    var listeners: [ReopeningListener] = []
    var boundAddresses: [SOCKSAddress] = []
    var channels: [ObjectIdentifier: any Channel] = [:]
    var nextNumber: UInt64 = 1
    var isStopped = false
    var isTimeUp = false
  }

  let ledger: DescriptorLedger
  private let state = Mutex(State())

  init(_ limits: DescriptorLedger.Limits) { self.ledger = DescriptorLedger(limits) }

  var count: Int { self.state.withLock { $0.channels.count } }

  var boundAddresses: [SOCKSAddress] { self.state.withLock { $0.boundAddresses } }

  var listeners: [ReopeningListener] { self.state.withLock { $0.listeners } }

  func listening(_ listeners: [ReopeningListener], at addresses: [SOCKSAddress]) {
    self.state.withLock {
      $0.listeners = listeners
      $0.boundAddresses = addresses
    }
  }

  /// Keeps the channel until it is closed.
  ///
  /// - Returns: the connection's number for the log; nil when the bridge is stopping.
  func add(_ channel: any Channel) -> UInt64? {
    let id = ObjectIdentifier(channel)
    let number: UInt64? = self.state.withLock { state in
      guard !state.isStopped else { return nil }
      state.channels[id] = channel
      defer { state.nextNumber += 1 }
      return state.nextNumber
    }
    guard let number else { return nil }
    self.ledger.sessionBegan(number)
    self.ledger.authenticated(number)
    channel.closeFuture.whenComplete { _ in
      self.state.withLock { state in _ = state.channels.removeValue(forKey: id) }
      self.ledger.sessionEnded(number)
    }
    return number
  }

  /// The time for connections to end is up: whatever ends now, this program has ended it.
  func timeIsUp() { self.state.withLock { $0.isTimeUp = true } }

  var isTimeUp: Bool { self.state.withLock { $0.isTimeUp } }

  /// From now on nothing is added.
  func stop() -> (listeners: [ReopeningListener], channels: [any Channel]) {
    self.state.withLock { state in
      state.isStopped = true
      return (state.listeners, Array(state.channels.values))
    }
  }
}
