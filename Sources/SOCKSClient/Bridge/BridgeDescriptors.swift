import NIOCore
import Platform
import ProxySession

extension DescriptorLedger.Limits {
  /// Descriptors that the steps of authentication need for each thread: ticket cache, configuration, sockets to the KDC.
  private static let perStep = 4
  /// As many threads as `garter bridge` has for them.
  private static let stepThreads = 8

  /// What a bridge counts by: each local connection is promised one to the gateway as soon as it is accepted, and nobody
  /// is evicted, for all of them are its own user's.
  static func bridge(connections: Int, available: Int?) -> Self {
    let plan = DescriptorPlan(
      connections: connections, available: available, listeners: 2, eventLoops: System.coreCount,
      threads: Self.perStep * Self.stepThreads)
    var limits = plan.limits
    limits.loginReserve = 0
    limits.perConnection = 2
    return limits
  }
}
