import NIOCore
import ProxySession

/// One attempt to connect, so that it can be given up: with the client gone, its connections must not linger until their
/// deadline. Belongs to one event loop.
final class ConnectAttempt {
  let eventLoop: any EventLoop
  /// For whom: whose share of the lookups it takes. Nil: nobody's.
  let identity: Identity?
  /// What counts its sockets. Nil: nothing does.
  let descriptors: SessionDescriptors?
  private(set) var isGivenUp = false
  /// At most one for each address of the target; those that have lost are closed.
  private var channels: [any Channel] = []
  /// Of connections to single addresses, in the order in which they failed: at most one for each address.
  private(set) var failures: [any Error] = []
  private var onGivingUp: (() -> Void)?

  init(eventLoop: any EventLoop, identity: Identity? = nil, descriptors: SessionDescriptors? = nil) {
    self.eventLoop = eventLoop
    self.identity = identity
    self.descriptors = descriptors
  }

  /// A connection is about to be made.
  ///
  /// - Throws: ``SessionEnd`` when there are too few descriptors.
  func add(_ channel: any Channel) throws {
    guard !self.isGivenUp else { throw ChannelError.ioOnClosedChannel }
    try self.descriptors?.take(for: channel)
    self.channels.append(channel)
  }

  /// A connection to one of several addresses has failed; the others may not have.
  func failed(_ error: any Error) { self.failures.append(error) }

  /// What to do when the client goes before the name is resolved.
  func whenGivenUp(_ body: @escaping () -> Void) { self.onGivingUp = body }

  /// Closes what there is, and lets nothing new begin.
  func giveUp() {
    self.isGivenUp = true
    let body = self.onGivingUp
    self.onGivingUp = nil
    body?()
    let channels = self.channels
    self.channels = []
    for channel in channels { channel.close(promise: nil) }
  }
}
