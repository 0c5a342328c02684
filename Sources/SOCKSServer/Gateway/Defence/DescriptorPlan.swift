import NIOCore

/// How the descriptors of the process are divided: client connections, connections to targets, and a reserve for what
/// must work even when there are as many of them as may be: authentication (keytab, replay cache, configuration of the
/// library), lookups, and connections on their way in or out.
struct DescriptorPlan: Hashable, Sendable {
  /// Files that the process has open in any case, and connections that are being made or refused.
  private static let fixed = 64

  /// Client connections; at most what the configuration says.
  let connections: Int
  /// Connections to targets, and whatever else sessions open.
  let others: Int
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
    let available = available ?? .max
    guard available < self.needed else {
      self.connections = limits.connections
      // A dial may try several addresses at a time.
      self.others = available - self.reserve - limits.connections
      return
    }
    let usable = max(2, available - self.reserve)
    self.connections = min(limits.connections, usable / 2)
    self.others = max(1, usable - self.connections)
  }

  /// What to tell the operator when there are too few descriptors for the configuration.
  func shortage(_ configuration: Configuration) -> String? {
    guard self.connections < configuration.limits.connections else { return nil }
    return
      "the process may have too few open files for limits.connections: \(configuration.limits.connections) of them "
      + "need \(self.needed), so there will be at most \(self.connections); raise LimitNOFILE of the service, or "
      + "ulimit -n"
  }
}
