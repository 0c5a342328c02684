import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO

/// Connects to targets: resolves once, asks the policy for every address, dials what it allows.
struct TargetDialler: Sendable {
  let lookup: NameLookup
  /// For all addresses of a target together.
  let timeout: TimeAmount
  let keepalive: TCPKeepalive

  /// A connection to one of the target's allowed addresses, on the given loop.
  ///
  /// Fails with a ``SessionEnd``, which says what to reply.
  ///
  /// - Parameter decide: the policy's word on one address.
  func dial(
    _ host: TargetHost, port: UInt16, attempt: DialAttempt,
    decide: @escaping (IPAddress) -> AccessDecision
  ) -> EventLoopFuture<any Channel> {
    let allowed = self.allowedAddresses(of: host, attempt: attempt, decide: decide)
    return allowed.assumeIsolated().flatMap { self.connect(to: $0, port: port, attempt: attempt) }.nonisolated()
  }

  /// The addresses of a host that the policy allows, at least one. A name is resolved once.
  ///
  /// Fails with a ``SessionEnd``.
  func allowedAddresses(
    of host: TargetHost, attempt: DialAttempt, decide: @escaping (IPAddress) -> AccessDecision
  ) -> EventLoopFuture<[IPAddress]> {
    let addresses: EventLoopFuture<[IPAddress]> =
      switch host {
      case .address(let address): attempt.eventLoop.makeSucceededFuture([address])
      case .name(let name): self.lookup.addresses(of: name.description, attempt: attempt)
      }
    return addresses.assumeIsolated().flatMapThrowing { addresses in
      let allowed = addresses.filter { decide($0).isAllowed }
      guard !allowed.isEmpty else {
        throw addresses.first.map { SessionEnd(decide($0)) }
          ?? SessionEnd(.connectFailed(.noSuchName), "the name has no address")
      }
      return allowed
    }.nonisolated()
  }

  private func connect(
    to addresses: [IPAddress], port: UInt16, attempt: DialAttempt
  ) -> EventLoopFuture<any Channel> {
    let bound = NIOLoopBound(attempt, eventLoop: attempt.eventLoop)
    let (keepalive, isOne) = (self.keepalive, addresses.count == 1)
    let bootstrap = ClientBootstrap(group: attempt.eventLoop)
      .connectTimeout(self.timeout)
      .channelInitializer { channel in
        RelayChannelOptions.apply(to: channel, keepalive: keepalive).flatMapThrowing {
          do {
            try bound.value.add(channel)
          } catch {
            // NIO reports one failure for all addresses, if any.
            bound.value.failed(error)
            throw error
          }
          if !isOne { try channel.pipeline.syncOperations.addHandler(DialFailureHandler(bound.value)) }
        }
      }
    do {
      let connection: EventLoopFuture<any Channel>
      if isOne, let address = addresses.first {
        connection = bootstrap.connect(to: try SocketAddress(address, port: port))
      } else {
        let resolver = try AllowedAddresses(addresses, port: port, eventLoop: attempt.eventLoop)
        // The name is never looked at: the resolver has the addresses.
        connection = bootstrap.resolver(resolver).connect(host: "target", port: Int(port))
      }
      return connection.assumeIsolated()
        .flatMapErrorThrowing { throw SessionEnd(connecting: $0, after: attempt.failures) }.nonisolated()
    } catch {
      return attempt.eventLoop.makeFailedFuture(SessionEnd(connecting: error))
    }
  }
}
