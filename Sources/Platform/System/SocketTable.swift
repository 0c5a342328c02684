/// The kernel's tables of TCP sockets as text, `/proc/net/tcp` and `tcp6`: for kernels without `sock_diag`.
enum SocketTable {
  /// A table of 200,000 sockets has about 30 MiB.
  static let maximumOctets = 32 << 20

  static func owner(local: TCPEndpoint, remote: TCPEndpoint) -> UserID? {
    // A socket of the IPv6 family may carry an IPv4 connection; it then stands in the second table, mapped.
    for path in local.octets.count == 4 ? ["/proc/net/tcp", "/proc/net/tcp6"] : ["/proc/net/tcp6"] {
      guard let table = try? FileContents.read(path: path, limit: maximumOctets) else { continue }
      if let owner = owner(in: table, local: local, remote: remote) { return owner }
    }
    return nil
  }

  /// Looks a connection up in the text of a table.
  static func owner(in table: [UInt8], local: TCPEndpoint, remote: TCPEndpoint) -> UserID? {
    for line in table.split(separator: UInt8(ascii: "\n")).dropFirst() {
      let fields = line.split(separator: UInt8(ascii: " "))
      // sl, local_address, rem_address, st, queues, timer, retransmits, uid, timeout, inode
      guard fields.count >= 10, endpoint(fields[1]) == local, endpoint(fields[2]) == remote else { continue }
      // A socket that no process has any more has no inode, and its owner reads as root.
      guard let inode = decimal(fields[9]), inode != 0, let user = decimal(fields[7]) else { return nil }
      return UserID(exactly: user)
    }
    return nil
  }

  /// `0100007F:1F90`: the address in words of 32 bits in the machine's order, the port in the usual one.
  private static func endpoint(_ field: ArraySlice<UInt8>) -> TCPEndpoint? {
    let parts = String(decoding: field, as: UTF8.self).split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].count == 8 || parts[0].count == 32, let port = UInt16(parts[1], radix: 16) else {
      return nil
    }
    var octets: [UInt8] = []
    var digits = parts[0]
    while !digits.isEmpty {
      guard let word = UInt32(digits.prefix(8), radix: 16) else { return nil }
      octets += [0, 8, 16, 24].map { UInt8(word.littleEndian >> UInt32($0) & 0xFF) }
      digits = digits.dropFirst(8)
    }
    return TCPEndpoint(octets: octets, port: port)
  }

  private static func decimal(_ field: ArraySlice<UInt8>) -> UInt64? {
    UInt64(String(decoding: field, as: UTF8.self))
  }
}
