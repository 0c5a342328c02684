extension DescriptorLedger {
  /// How many connections and descriptors there may be.
  public struct Limits: Hashable, Sendable {
    /// Connections at a time.
    public var connections: Int
    /// Descriptors for connections and for what sessions open, together.
    public var descriptors: Int
    /// Of those, what sessions do not take: for clients that have not authenticated.
    public var loginReserve: Int
    /// Of those, what sessions do not take for their second and further sockets: for the first ones of other sessions.
    public var firstSocketReserve: Int
    /// Of those, what owners that have a session do not take: for the first sessions of others.
    public var newOwnerReserve: Int
    /// Descriptors that must be free for one more connection: itself, and what it is promised at once.
    public var perConnection = 1

    /// An owner may hold so many times as many as are then free. One alone stops at seven eighths, and the next one has
    /// several sessions still.
    static let share = 7

    /// What an owner may hold without leaving ``firstSocketReserve``: an association or two, or a connection that tries several
    /// addresses.
    static let modest = 8

    /// The reserves are a sixteenth, an eighth and a sixteenth, and at most 128 each.
    public init(connections: Int, descriptors: Int = .max) {
      self.connections = max(1, connections)
      // Sums of a few of them must not overflow.
      self.descriptors = min(max(2, descriptors), .max / 8)
      self.loginReserve = min(Self.maximumReserve, self.descriptors / 16)
      self.firstSocketReserve = min(Self.maximumReserve, self.descriptors / 8)
      self.newOwnerReserve = self.loginReserve
    }

    static let maximumReserve = 128
  }
}
