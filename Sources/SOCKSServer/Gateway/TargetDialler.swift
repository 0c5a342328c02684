import Glibc
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
  /// Fails with a ``SOCKSError`` whose code says what to reply.
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
  /// Fails with a ``SOCKSError``.
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
        throw SOCKSError(.refusedByRule, addresses.first.map { decide($0).description } ?? "the name has no address")
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
        .flatMapErrorThrowing { throw SOCKSError(dialling: $0, after: attempt.failures) }.nonisolated()
    } catch {
      return attempt.eventLoop.makeFailedFuture(SOCKSError(dialling: error))
    }
  }
}

extension SOCKSError {
  /// What went wrong on the way to a reply.
  init(serving error: any Error) {
    self = (error as? SOCKSError) ?? SOCKSError(.targetFailed, "\(error)")
  }

  /// What a failed connect means for the client. Where several addresses were tried, a refusal says most, for it came from
  /// the target itself; but where this side had no descriptor for one of them, nobody knows what that one would have said.
  ///
  /// - Parameter earlier: of those addresses that had failed before.
  init(dialling error: any Error, after earlier: [any Error] = []) {
    let last: [any Error] =
      if let error = error as? NIOConnectionError {
        error.connectionErrors.map(\.error)
          + [error.dnsAError, error.dnsAAAAError].compactMap { $0 }
      } else {
        [error]
      }
    let failures = earlier + last
    let codes = failures.map(Self.code(for:))
    let order: [Code] = [.tooBusy, .connectionRefused, .hostUnreachable, .networkUnreachable]
    let code = order.first(where: codes.contains) ?? .targetFailed
    let failure = zip(codes, failures).first { $0.0 == code }?.1
    self.init(code, failure.map(Self.detail(of:)) ?? "no address could be tried")
  }

  private static func detail(of error: any Error) -> String { (error as? SOCKSError)?.detail ?? "\(error)" }

  private static func code(for error: any Error) -> Code {
    if SystemShortage.isCause(of: error) { return .tooBusy }
    switch error {
    case let error as SOCKSError: return error.code
    case let error as IOError:
      switch error.errnoCode {
      case ECONNREFUSED: return .connectionRefused
      case ENETUNREACH, ENETDOWN: return .networkUnreachable
      case EHOSTUNREACH, EHOSTDOWN, ETIMEDOUT: return .hostUnreachable
      default: return .targetFailed
      }
    case ChannelError.connectTimeout: return .hostUnreachable
    default: return .targetFailed
    }
  }
}
