/// The kernel's tables of UDP sockets, `/proc/net/udp` and `udp6`.
///
/// The `sock_diag` interface answers with one socket. Several may have the same address when each asked for that
/// (`SO_REUSEADDR`), whoever made them, so all are looked at.
enum DatagramSocketTable {
  static func owner(sender: SocketEndpoint, receiver: SocketEndpoint) -> UserID? {
    // A socket of the IPv6 family may send by IPv4.
    let paths = sender.octets.count == 4 ? ["/proc/net/udp", "/proc/net/udp6"] : ["/proc/net/udp6"]
    return owner(in: paths.compactMap { SocketTable(path: $0) }, sender: sender, receiver: receiver)
  }

  static func owner(in tables: [SocketTable], sender: SocketEndpoint, receiver: SocketEndpoint) -> UserID? {
    let owners = tables.flatMap { table in
      table.filter { $0.local.covers(sender) && $0.remote.covers(receiver) }.map(\.owner)
    }
    // One without a known owner makes it unknown.
    guard let first = owners.first, owners.allSatisfy({ $0 == first }) else { return nil }
    return first
  }
}

extension SocketEndpoint {
  /// True when a socket that has this for its own end, or for its peer's, may use that address: a port of zero stands for
  /// any, and so does an address of all zeros, an IPv6 one also for IPv4.
  fileprivate func covers(_ other: SocketEndpoint) -> Bool {
    guard self.port == other.port || self.port == 0 else { return false }
    if self.octets == other.octets { return true }
    let isUnspecified = self.octets.allSatisfy { $0 == 0 }
    return isUnspecified && (self.octets.count == other.octets.count || other.octets.count == 4)
  }
}
