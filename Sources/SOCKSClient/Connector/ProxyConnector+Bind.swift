public import NIOCore
public import SOCKSCore

extension ProxyConnector {
  /// Lets the gateway listen for one connection (BIND, RFC 1928 section 4).
  ///
  /// The protocols that need it tell the peer where to connect by other means, over a connection that is already established:
  /// FTP's PORT does.
  ///
  /// - Parameters:
  ///   - peer: who will connect, as far as it is known; gateways may refuse others. All zeros for anybody.
  ///   - eventLoop: the channel's event loop; nil for any of the connector's group.
  /// - Returns: where the gateway listens, and the connection to come; fails with ``ProxyConnectorError``.
  public func bind(
    expecting peer: SOCKSAddress = .unspecified, on eventLoop: (any EventLoop)? = nil
  ) -> EventLoopFuture<ProxiedListener> {
    self.bind(expecting: peer, attempt: self.makeAttempt(on: eventLoop))
  }

  /// Lets the gateway listen for one connection (BIND, RFC 1928 section 4).
  ///
  /// - Parameter peer: who will connect, as far as it is known. All zeros for anybody.
  /// - Throws: ``ProxyConnectorError``.
  public func bind(expecting peer: SOCKSAddress = .unspecified) async throws -> ProxiedListener {
    let attempt = self.makeAttempt(on: nil)
    return try await self.bind(expecting: peer, attempt: attempt).get(givingUp: attempt)
  }

  func bind(expecting peer: SOCKSAddress, attempt: ConnectionAttempt) -> EventLoopFuture<ProxiedListener> {
    let listening = attempt.eventLoop.makePromise(of: ProxiedListener.self)
    let connection = attempt.eventLoop.makePromise(of: ProxiedChannel.self)
    self.request(
      SOCKSRequest(command: .bind, destination: peer), attempt: attempt,
      announcement: { channel, outcome in
        listening.succeed(
          ProxiedListener(channel: channel, outcome, attempt: attempt, connection: connection.futureResult))
      },
      connection)
    // Before the first reply: then nobody has the other future yet. Without effect after it.
    connection.futureResult.whenFailure { listening.fail($0) }
    return listening.futureResult
  }
}
