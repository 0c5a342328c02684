import NIOCore
import SOCKSCore
import SOCKSNIO

/// Who may send the datagrams of an association: "It MUST drop any datagrams arriving from any source IP address other
/// than the one recorded" (RFC 1928 section 7).
///
/// The address is always that of the control connection: clients behind NAT ask with an address of their own. The port
/// is the one asked for where that address is the same, else the first that a good datagram came from.
struct AssociationClient {
  /// Where the client's datagrams come from, and where replies go; nil until that is known.
  private(set) var address: SocketAddress?
  /// The control connection's peer.
  private let peer: SocketAddress

  /// - Parameters:
  ///   - peer: the control connection's peer.
  ///   - requested: DST.ADDR and DST.PORT of the request.
  init(peer: SocketAddress, requested: SOCKSAddress) {
    self.peer = peer
    if case .address(let address) = requested.host, address == IPAddress(peer), requested.port != 0 {
      self.address = Self.with(port: Int(requested.port), peer)
    }
  }

  /// Whether a datagram from there may be looked at.
  func admits(_ source: SocketAddress) -> Bool {
    if let address = self.address { return source == address }
    guard let port = source.port, port != 0 else { return false }
    return source == Self.with(port: port, self.peer)
  }

  /// A good datagram has come from there: from now on nothing else is looked at.
  mutating func lock(to source: SocketAddress) {
    if self.address == nil { self.address = source }
  }

  private static func with(port: Int, _ address: SocketAddress) -> SocketAddress {
    var address = address
    address.port = port
    return address
  }
}
