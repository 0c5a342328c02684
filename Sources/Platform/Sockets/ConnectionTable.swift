/// The kernel's tables of TCP connections, `/proc/net/tcp` and `tcp6`: for kernels without `sock_diag`.
enum ConnectionTable {
  static func owner(local: SocketEndpoint, remote: SocketEndpoint) -> UserID? {
    // A socket of the IPv6 family may carry an IPv4 connection; it is then in the second table, mapped.
    for path in local.octets.count == 4 ? ["/proc/net/tcp", "/proc/net/tcp6"] : ["/proc/net/tcp6"] {
      guard let table = SocketTable(path: path) else { continue }
      if let owner = owner(in: table, local: local, remote: remote) { return owner }
    }
    return nil
  }

  static func owner(in table: SocketTable, local: SocketEndpoint, remote: SocketEndpoint) -> UserID? {
    table.first { $0.local == local && $0.remote == remote }?.owner
  }
}
