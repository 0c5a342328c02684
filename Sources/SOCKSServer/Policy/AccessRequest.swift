public import SOCKSCore

/// What a rule may allow: the commands of RFC 1928 section 4 that this gateway serves.
public enum AccessCommand: String, Hashable, Sendable, CaseIterable {
  case connect
  /// `to` says who may connect to the client.
  case bind
  /// UDP ASSOCIATE, and every datagram of the association.
  case associate
}

/// What somebody asks the gateway for.
public struct AccessRequest: Hashable, Sendable {
  public var command: AccessCommand
  public var identity: Identity
  /// Where the client's connection comes from.
  public var client: IPAddress
  /// A complete name, or an address: what would be resolved or connected to.
  public var host: SOCKSHost
  public var port: UInt16

  public init(command: AccessCommand, identity: Identity, client: IPAddress, host: SOCKSHost, port: UInt16) {
    self.command = command
    self.identity = identity
    self.client = client
    self.host = host
    self.port = port
  }

  /// The address that will be reached, where the request says it.
  var address: IPAddress? {
    guard case .address(let address) = self.host, !self.isForAnyPeer else { return nil }
    return address
  }

  /// Whether the client accepts any peer: a BIND for an address of all zeros.
  var isForAnyPeer: Bool {
    guard case .address(let address) = self.host else { return false }
    return self.command == .bind && address.isUnspecified
  }
}
