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
