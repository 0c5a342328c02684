import NIOCore
import Platform
import SOCKSCore
import SOCKSNIO

/// Whether there is a way to a target.
enum DatagramPath {
  /// What the system says. A socket that sends where it does not may be closed for it, so it is asked before.
  static func exists(to address: IPAddress, port: UInt16) -> Bool {
    do throws(SystemError) {
      try DatagramRoute.check(address.octets, port: port)
      return true
    } catch {
      return false
    }
  }
}

extension SocketAddress {
  /// The same address with an IPv4-mapped one as IPv4: a listener on `[::]` has clients of both families.
  var unmapped: SocketAddress {
    guard case .v6 = self, let address = IPAddress(self), case .v4 = address,
      let port = self.port.flatMap(UInt16.init(exactly:)), let unmapped = try? SocketAddress(address, port: port)
    else { return self }
    return unmapped
  }
}
