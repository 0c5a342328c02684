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
    /// Descriptors that must be free for one more connection: itself, and what it is promised at once.
    public var perConnection = 1

    /// The reserves are a sixteenth and an eighth, and at most 128 each.
    public init(connections: Int, descriptors: Int = .max) {
      self.connections = max(1, connections)
      // Sums of a few of them must not overflow.
      self.descriptors = min(max(2, descriptors), .max / 8)
      self.loginReserve = min(Self.maximumReserve, self.descriptors / 16)
      self.firstSocketReserve = min(Self.maximumReserve, self.descriptors / 8)
    }

    static let maximumReserve = 128
  }
}
