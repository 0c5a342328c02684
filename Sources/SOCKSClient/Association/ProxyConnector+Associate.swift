import NIOCore
import SOCKSCore
import SOCKSNIO

extension ProxyConnector {
  /// Asks the gateway to relay datagrams (UDP ASSOCIATE, RFC 1928 sections 4 and 7). A cancelled task gives up.
  ///
  /// The association lives until it is closed: by ``ProxiedAssociation/close()``, by the gateway, or by a fault.
  ///
  /// - Throws: ``ProxyConnectorError``.
  public func associate() async throws -> ProxiedAssociation {
    let attempt = self.makeAttempt(on: nil)
    let established = attempt.eventLoop.makePromise(of: ProxiedAssociation.self)
    let buffered = self.configuration.maximumBufferedDatagrams
    attempt.eventLoop.execute {
      self.associate(attempt) { result in
        switch result {
        case .success(let session): established.succeed(ProxiedAssociation(session, buffering: buffered))
        case .failure(let error): established.fail(error)
        }
      }
    }
    return try await established.futureResult.get(givingUp: attempt)
  }

  /// Makes an association, lends it, and closes it however `body` ends.
  ///
  /// - Throws: ``ProxyConnectorError``, and what `body` throws.
  public func withAssociation<Result>(_ body: (ProxiedAssociation) async throws -> Result) async throws -> Result {
    let association = try await self.associate()
    defer { association.close() }
    return try await body(association)
  }

  /// The same on the attempt's event loop, which must be the current one; `completion` is called on it, once.
  func associate(
    _ attempt: ConnectionAttempt, completion: @escaping (Result<AssociationSession, ProxyConnectorError>) -> Void
  ) {
    self.connectToGateway(attempt).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let control):
        AssociationOpening(self, control: control, attempt: attempt, completion: completion).begin()
      case .failure(let error):
        let error = error as? ProxyConnectorError
        completion(.failure(error ?? ProxyConnectorError(.internalError, self.configuration)))
      }
    }
  }
}
