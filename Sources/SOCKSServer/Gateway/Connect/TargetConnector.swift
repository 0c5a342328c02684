import NIOCore
import NIOPosix
import ProxySession
import SOCKSCore
import SOCKSNIO

/// Connects to targets, at the addresses that the rules have granted.
struct TargetConnector: Sendable {
  /// For all addresses of a target together.
  let timeout: TimeAmount
  let keepalive: TCPKeepalive

  /// A connection to one of the addresses, at least one, on the attempt's loop.
  ///
  /// Fails with a ``SessionEnd``, which says what to reply.
  func connect(to route: [GrantedAddress], port: UInt16, attempt: ConnectAttempt) -> EventLoopFuture<TargetConnection> {
    let bound = NIOLoopBound(attempt, eventLoop: attempt.eventLoop)
    let (keepalive, isOne) = (self.keepalive, route.count == 1)
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
          if !isOne { try channel.pipeline.syncOperations.addHandler(ConnectFailureHandler(bound.value)) }
        }
      }
    do {
      let connection: EventLoopFuture<any Channel>
      if isOne, let address = route.first?.address {
        connection = bootstrap.connect(to: try SocketAddress(address, port: port))
      } else {
        let resolver = try GrantedAddresses(route.map(\.address), port: port, eventLoop: attempt.eventLoop)
        // The name is never looked at: the resolver has the addresses.
        connection = bootstrap.resolver(resolver).connect(host: "target", port: Int(port))
      }
      return connection.assumeIsolated()
        .flatMapErrorThrowing { throw SessionEnd(connecting: $0, after: attempt.failures) }
        .flatMapThrowing { try TargetConnection($0, of: route) }.nonisolated()
    } catch {
      return attempt.eventLoop.makeFailedFuture(SessionEnd(connecting: error))
    }
  }
}

/// A connection to a target, and the grant for the address that was reached.
struct TargetConnection: Sendable {
  let channel: any Channel
  let grant: Grant

  init(channel: any Channel, grant: Grant) {
    self.channel = channel
    self.grant = grant
  }

  fileprivate init(_ channel: any Channel, of route: [GrantedAddress]) throws {
    let peer = channel.remoteAddress.flatMap(IPAddress.init)
    // Linux connects the unspecified address to the loopback; a connection that is gone has no address any more.
    let reached = route.first { $0.address == peer } ?? route.first { $0.address.isUnspecified } ?? route.first
    guard let reached else { throw SessionEnd(.bug) }
    self.init(channel: channel, grant: reached.grant)
  }
}

extension [GrantedAddress] {
  /// The grant for an address, if it is one of them.
  func grant(at address: IPAddress) -> Grant? { self.first { $0.address == address }?.grant }
}
