public import NIOCore
public import Platform
public import SOCKSCore

extension DatagramForward {
  /// Where to listen, where datagrams go, and what to allow.
  public struct Configuration: Hashable, Sendable {
    /// A loopback address, or `localhost`; with port 0 the system chooses one.
    public var listen: SOCKSAddress

    /// Where the gateway sends the datagrams.
    public var target: SOCKSAddress

    /// Whose processes' datagrams are taken.
    public var user: UserID

    /// Local senders at a time, each with an association of its own; for a further one the longest idle has to go.
    public var maximumSenders: Int

    /// With no datagram in either direction for this long, a sender's association ends.
    public var idleTimeout: TimeAmount

    /// Datagrams of one sender that may wait for its association; further ones are dropped.
    public var maximumWaiting: Int

    /// - Parameters:
    ///   - listen: a loopback address, or `localhost`.
    ///   - user: by default the user of this process.
    public init(listen: SOCKSAddress, target: SOCKSAddress, user: UserID = currentUserID()) {
      self.listen = listen
      self.target = target
      self.user = user
      self.maximumSenders = 256
      self.idleTimeout = .seconds(60)
      self.maximumWaiting = 16
    }
  }
}
