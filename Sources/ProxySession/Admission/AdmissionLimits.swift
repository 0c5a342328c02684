public import NIOCore

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
  /// How penalized addresses are treated that somebody has authenticated from lately.
  public var known: KnownAddressLimits

  public init(
    connectionsPerAddress: Int, unauthenticatedPerAddress: Int, earlyDrop: EarlyDrop, ipv6Prefix: Int,
    known: KnownAddressLimits = KnownAddressLimits()
  ) {
    self.known = known
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

/// An address that somebody has authenticated from lately is slowed down by penalties, and not blocked: a program that
/// fails all the time must not take the use of a good ticket away from the others at its address.
public struct KnownAddressLimits: Hashable, Sendable {
  /// For how long an address is known after somebody has authenticated; zero for not at all.
  public var lifetime: TimeAmount
  /// While it is penalized: connections at a time that have not authenticated.
  public var connections: Int
  /// While it is penalized: connections that may begin in a second. Further ones wait.
  public var perSecond: Int
  /// Addresses that are remembered.
  public var addresses: Int

  public init(
    lifetime: TimeAmount = .hours(1), connections: Int = 8, perSecond: Int = 8, addresses: Int = 65_536
  ) {
    self.lifetime = lifetime
    self.connections = connections
    self.perSecond = perSecond
    self.addresses = addresses
  }
}
