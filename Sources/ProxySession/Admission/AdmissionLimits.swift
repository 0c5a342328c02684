/// How many connections are let in.
public struct AdmissionLimits: Hashable, Sendable {
  /// Connections at a time, of one address.
  public var connectionsPerAddress: Int
  /// Of those, before authentication.
  public var unauthenticatedPerAddress: Int
  /// When new connections are dropped because too many have not authenticated.
  public var earlyDrop: EarlyDrop
  /// The leading bits of an IPv6 address that stand for one client.
  public var ipv6Prefix: Int

  public init(
    connectionsPerAddress: Int, unauthenticatedPerAddress: Int, earlyDrop: EarlyDrop, ipv6Prefix: Int
  ) {
    self.connectionsPerAddress = connectionsPerAddress
    self.unauthenticatedPerAddress = unauthenticatedPerAddress
    self.earlyDrop = earlyDrop
    self.ipv6Prefix = ipv6Prefix
  }
}

/// Why a connection was closed as soon as it had come; the words are those of the log.
public enum AdmissionRefusal: String, Error, Hashable, Sendable, CaseIterable {
  case connectionsPerAddress = "connections-per-address"
  case unauthenticatedPerAddress = "unauthenticated-per-address"
  /// Too many connections, of all addresses together, have not authenticated.
  case unauthenticated = "unauthenticated"
  /// The address has failed too often.
  case penalized = "penalized"
}
