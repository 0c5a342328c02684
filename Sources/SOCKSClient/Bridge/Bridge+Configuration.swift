public import NIOCore
public import Platform
public import SOCKSCore

extension Bridge {
  /// Where to listen, and what to allow.
  public struct Configuration: Hashable, Sendable {
    /// Loopback addresses, or `localhost` for both of them; with port 0 the system chooses one. At least one.
    public var listen: [SOCKSAddress]

    /// Whose processes may connect.
    public var user: UserID

    /// Connections at a time, those that are being made included; more wait in the system's queue. Fewer
    /// where the process may not have enough open files.
    public var maximumConnections: Int

    /// How long connections may go on after a graceful stop has begun.
    public var drainTimeout: TimeAmount

    /// With no octet in either direction for this long, a connection ends.
    public var idleTimeout: TimeAmount

    /// - Parameters:
    ///   - listen: a loopback address, or `localhost`.
    ///   - user: by default the user of this process.
    public init(
      listen: SOCKSAddress = SOCKSAddress(.v4(0x7F00_0001), port: 1080), user: UserID = currentUserID()
    ) {
      self.init(listen: [listen], user: user)
    }

    /// - Parameters:
    ///   - listen: loopback addresses, or `localhost`.
    ///   - user: by default the user of this process.
    public init(listen: [SOCKSAddress], user: UserID = currentUserID()) {
      self.listen = listen
      self.user = user
      self.maximumConnections = 512
      self.drainTimeout = .seconds(30)
      self.idleTimeout = .hours(24)
    }
  }
}

/// The bridge cannot listen.
public struct BridgeError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    /// The address is not one of this machine's own.
    case notLoopback
    /// The system refused: the port is taken, or not allowed.
    case cannotListen
  }

  public let reason: Reason
  public let description: String

  init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}
