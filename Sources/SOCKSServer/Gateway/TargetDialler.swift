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
  /// - Parameters:
  ///   - judged: told which of the target's names it is, before anything is decided.
  ///   - decide: the policy's word on one address.
  func dial(
    _ target: RequestedTarget, port: UInt16, attempt: DialAttempt,
    judged: @escaping (RequestedTarget.Candidate) -> Void, decide: @escaping (IPAddress) -> AccessDecision
  ) -> EventLoopFuture<any Channel> {
    let allowed = self.allowedAddresses(of: target, attempt: attempt, judged: judged, decide: decide)
    return allowed.assumeIsolated().flatMap { self.connect(to: $0.addresses, port: port, attempt: attempt) }
      .nonisolated()
  }

  /// The addresses of a target that the policy allows, at least one. Each name is resolved at most once.
  ///
  /// Fails with a ``SessionEnd``.
  func allowedAddresses(
    of target: RequestedTarget, attempt: DialAttempt, judged: @escaping (RequestedTarget.Candidate) -> Void,
    decide: @escaping (IPAddress) -> AccessDecision
  ) -> EventLoopFuture<ResolvedTarget> {
    self.answer(target, attempt).assumeIsolated().flatMapThrowing { answer in
      let (index, addresses): (Int, [IPAddress]) =
        switch answer {
        case .found(let index, let addresses): (index, addresses)
        case .refused(let index): (index, [])
        }
      guard target.candidates.indices.contains(index) else { throw SessionEnd(.bug) }
      let candidate = target.candidates[index]
      judged(candidate)
      if let refusal = candidate.refusal { throw SessionEnd(refusal) }
      let allowed = addresses.filter { decide($0).isAllowed }
      guard !allowed.isEmpty else {
        throw addresses.first.map { SessionEnd(decide($0)) }
          ?? SessionEnd(.connectFailed(.noSuchName), "the name has no address")
      }
      return ResolvedTarget(access: candidate.access, addresses: allowed)
    }.nonisolated()
  }

  private func answer(_ target: RequestedTarget, _ attempt: DialAttempt) -> EventLoopFuture<NameAnswer> {
    if let question = target.question { return self.lookup.answer(question, attempt: attempt) }
    guard case .address(let address)? = target.first?.host else {
      return attempt.eventLoop.makeFailedFuture(SessionEnd(.bug))
    }
    return attempt.eventLoop.makeSucceededFuture(.found(candidate: 0, addresses: [address]))
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
