import ProxySession

extension DescriptorPlan {
  /// - Parameter available: descriptors that the process may have; nil when that is not known.
  init(_ configuration: Configuration, available: Int?, eventLoops: Int) {
    let limits = configuration.limits
    self.init(
      connections: limits.connections, available: available, listeners: configuration.listen.count,
      eventLoops: eventLoops, threads: 4 * limits.authenticationThreads + 2 * limits.lookupThreads,
      sessionsPerOwner: limits.sessionsPerPrincipal)
  }

  /// What to report to the operator when there are too few descriptors for the configuration.
  var shortage: String? {
    guard self.isShort else { return nil }
    return
      "the limit of open files is too low for limits.connections: \(self.connections) sessions "
      + "need \(self.needed), so there will be at most \(self.sessions); raise LimitNOFILE of the service, or "
      + "ulimit -n"
  }
}
