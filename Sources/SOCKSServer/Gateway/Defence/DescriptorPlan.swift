/// How the descriptors of the process are divided: those for connections, and a reserve for what
/// must work even when there are as many of them as may be: authentication (keytab, replay cache, configuration of the
/// library), lookups, and connections on their way in or out.
struct DescriptorPlan: Hashable, Sendable {
  /// Files that the process has open in any case, and connections that are being made or refused.
  private static let fixed = 64

  /// For connections, those of clients and those to targets.
  let usable: Int
  let reserve: Int
  /// What the configuration would need to be carried out as it stands.
  let needed: Int

  /// - Parameter available: descriptors that the process may have; nil when that is not known.
  init(_ configuration: Configuration, available: Int?, eventLoops: Int) {
    let limits = configuration.limits
    self.reserve =
      Self.fixed + configuration.listen.count + 3 * eventLoops + 4 * limits.authenticationThreads
      + 2 * limits.lookupThreads
    self.needed = 2 * limits.connections + self.reserve
    self.usable = max(2, (available ?? .max) - self.reserve)
  }

  /// What to tell the operator when there are too few descriptors for the configuration.
  func shortage(_ configuration: Configuration) -> String? {
    guard self.usable < 2 * configuration.limits.connections else { return nil }
    return
      "the process may have too few open files for limits.connections: \(configuration.limits.connections) sessions "
      + "need \(self.needed), so there will be at most \(self.usable / 2); raise LimitNOFILE of the service, or "
      + "ulimit -n"
  }
}
