import NIOCore
import ProxySession
import SOCKSCore
import Synchronization

/// A request to the gateway under way, so that it can be given up: with the user gone, its connections must not linger
/// until their deadline.
final class ConnectionAttempt: Sendable {
  private enum State {
    /// At most one connection for each address of the gateway; those that have lost are closed.
    case underWay([any Channel])
    case ended
  }

  let eventLoop: any EventLoop
  /// What counts its sockets. Nil: nothing does.
  let descriptors: SessionDescriptors?
  private let state = Mutex(State.underWay([]))

  init(on eventLoop: any EventLoop, descriptors: SessionDescriptors? = nil) {
    self.eventLoop = eventLoop
    self.descriptors = descriptors
  }

  /// A connection is about to be made.
  ///
  /// - Throws: when the attempt was given up; ``SessionEnd`` when there are too few descriptors.
  func add(_ channel: any Channel) throws {
    let isUnderWay = self.state.withLock { state in
      guard case .underWay(let channels) = state else { return false }
      state = .underWay(channels + [channel])
      return true
    }
    guard isUnderWay else { throw ChannelError.ioOnClosedChannel }
    try self.descriptors?.take(for: channel)
  }

  /// It has come about: from here on the connection is somebody else's.
  func succeeded() { _ = self.end() }

  /// Closes what there is, and lets nothing new begin. Without effect on what has come about.
  func giveUp() {
    for channel in self.end() { channel.close(promise: nil) }
  }

  private func end() -> [any Channel] {
    self.state.withLock { state in
      guard case .underWay(let channels) = state else { return [] }
      state = .ended
      return channels
    }
  }
}
