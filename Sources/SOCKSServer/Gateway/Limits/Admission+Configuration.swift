import NIOCore
import ProxySession

extension AdmissionLimits {
  init(_ limits: Configuration.Limits, _ penalties: Configuration.Penalties) {
    self.init(
      connectionsPerAddress: limits.connectionsPerAddress,
      unauthenticatedPerAddress: limits.unauthenticatedPerAddress, earlyDrop: limits.earlyDrop,
      ipv6Prefix: limits.ipv6Prefix,
      known: KnownAddressLimits(
        lifetime: TimeAmount(penalties.knownFor), connections: penalties.slowConnections,
        perSecond: penalties.slowRate, addresses: penalties.addresses))
  }
}

extension Penalties.Settings {
  init(_ penalties: Configuration.Penalties) {
    self.init(
      times: { TimeAmount(penalties.time(for: $0)) }, minimum: TimeAmount(penalties.minimum),
      maximum: TimeAmount(penalties.maximum), addresses: penalties.addresses,
      isExempt: { address in
        return penalties.exempt.contains { $0.contains(address) }
      })
  }
}

extension Configuration.Penalties {
  func time(for kind: FailureKind) -> Duration {
    switch kind {
    case .authentication: self.authentication
    case .password: self.password
    case .violation: self.violation
    case .timeout: self.timeout
    case .abandoned: self.abandoned
    }
  }
}
