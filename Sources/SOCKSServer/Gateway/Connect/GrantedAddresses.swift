import NIOCore
import NIOPosix
import SOCKSCore
import SOCKSNIO

/// A resolver that knows only addresses which the policy has passed. Names are resolved once, and what was checked is
/// what is connected to; NIO's Happy Eyeballs (RFC 8305) takes it from here.
final class GrantedAddresses: Resolver, Sendable {
  private let v4: [SocketAddress]
  private let v6: [SocketAddress]
  private let eventLoop: any EventLoop

  init(_ addresses: [IPAddress], port: UInt16, eventLoop: any EventLoop) throws {
    var v4: [SocketAddress] = []
    var v6: [SocketAddress] = []
    for address in addresses {
      switch address {
      case .v4: v4.append(try SocketAddress(address, port: port))
      case .v6: v6.append(try SocketAddress(address, port: port))
      }
    }
    self.v4 = v4
    self.v6 = v6
    self.eventLoop = eventLoop
  }

  func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    self.eventLoop.makeSucceededFuture(self.v4)
  }

  func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    self.eventLoop.makeSucceededFuture(self.v6)
  }

  func cancelQueries() {}
}
