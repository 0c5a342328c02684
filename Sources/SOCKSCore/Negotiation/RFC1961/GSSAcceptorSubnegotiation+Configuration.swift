extension GSSAcceptorSubnegotiation {
  public struct Configuration: Hashable, Sendable {
    /// The levels that may be agreed.
    public var levels: Set<ProtectionLevel>
    public var requirements: ContextRequirements
    /// Authentication messages taken from a client: 1 is what Kerberos needs, 5 is enough for SPNEGO.
    public var maximumRounds: Int
    /// The departures from the RFC that are on for this client.
    public var compatibility: Set<CompatibilitySwitch>

    public init(
      levels: Set<ProtectionLevel>, requirements: ContextRequirements, maximumRounds: Int = 1,
      compatibility: Set<CompatibilitySwitch> = []
    ) {
      self.levels = levels
      self.requirements = requirements
      self.maximumRounds = maximumRounds
      self.compatibility = compatibility
    }
  }
}
