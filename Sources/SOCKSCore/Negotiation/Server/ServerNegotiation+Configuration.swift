extension ServerNegotiation {
  public struct Configuration: Hashable, Sendable {
    /// The methods served, in the server's order of preference.
    public var methods: [ServerMethod]
    public var commands: Set<ServedCommand>

    public init(methods: [ServerMethod], commands: Set<ServedCommand> = [.connect]) {
      self.methods = methods
      self.commands = commands
    }
  }
}
