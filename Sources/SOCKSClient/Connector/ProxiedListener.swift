public import NIOCore
public import SOCKSCore
import SOCKSNIO

/// A place at the gateway where one connection is awaited (BIND, RFC 1928 section 4).
public struct ProxiedListener: Sendable {
  /// Where the peer has to connect.
  public let address: SOCKSAddress

  /// The level agreed, and what is known of the context and its two ends.
  public let protection: AgreedProtection?

  /// The peer's connection: its ``ProxiedChannel/boundAddress`` is the peer's address. Fails with
  /// ``ProxyConnectorError``: the gateway or ``ProxyConnector/Configuration/acceptTimeout`` has ended the wait, or
  /// ``close()`` was called.
  public let connection: EventLoopFuture<ProxiedChannel>

  private let attempt: ConnectionAttempt

  init(
    channel: any Channel, _ outcome: ClientNegotiationHandler.Outcome, attempt: ConnectionAttempt,
    connection: EventLoopFuture<ProxiedChannel>
  ) {
    self.address = outcome.reply.bound.reachable(through: channel)
    self.protection = outcome.protection
    self.connection = connection
    self.attempt = attempt
  }

  /// Waits for the peer. A cancelled task ends the wait, and the gateway's listening with it.
  ///
  /// - Returns: the channel to the peer, which has not been read from.
  /// - Throws: ``ProxyConnectorError``.
  public func accept() async throws -> ProxiedChannel {
    try await self.connection.get(givingUp: self.attempt)
  }

  /// Waits no longer. A connection that has come is not touched.
  public func close() { self.attempt.giveUp() }
}

extension SOCKSAddress {
  /// The address of a success reply, where it is one: a gateway that replies with an address of all zeros means its own,
  /// as the client knows it.
  func reachable(through channel: any Channel) -> SOCKSAddress {
    guard self.host.isUnspecified, let gateway = channel.remoteAddress.flatMap(SOCKSAddress.init) else { return self }
    return SOCKSAddress(host: gateway.host, port: self.port)
  }
}

extension SOCKSHost {
  /// `0.0.0.0` or `::`.
  var isUnspecified: Bool {
    switch self {
    case .address(let address): address.isUnspecified
    case .name, .unconverted, .malformed: false
    }
  }
}
