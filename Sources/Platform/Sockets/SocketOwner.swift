/// One end of a TCP connection, or a UDP socket's address.
public struct SocketEndpoint: Hashable, Sendable {
  /// 4 or 16 octets in network order. An IPv4-mapped address (`::ffff:0:0/96`) has become the IPv4 address that it maps.
  public let octets: [UInt8]
  public let port: UInt16

  /// - Returns: `nil` unless there are 4 or 16 octets.
  public init?(octets: [UInt8], port: UInt16) {
    switch octets.count {
    case 4: self.octets = octets
    case 16: self.octets = octets.starts(with: Self.mappedPrefix) ? Array(octets.suffix(4)) : octets
    default: return nil
    }
    self.port = port
  }

  private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
}

/// Who owns the other end of a connection that comes from this machine.
public enum SocketOwner {
  /// Asks the kernel for the user who made the peer's socket.
  ///
  /// Two short system calls that do not wait for anybody.
  ///
  /// - Parameters:
  ///   - local: The address and port at our end of an accepted connection (`getsockname`).
  ///   - remote: The address and port at the peer's end (`getpeername`).
  /// - Returns: `nil` when the peer's end is no living socket on this machine (in this network namespace): it is
  ///   somewhere else, or its process has closed it. The kernel shows a closed socket as root's; that is never returned.
  public static func userID(local: SocketEndpoint, remote: SocketEndpoint) -> UserID? {
    // The peer's socket has the two ends the other way round.
    guard local.octets.count == remote.octets.count else { return nil }
    switch SocketDiagnosis.find(local: remote, remote: local) {
    case .owner(let user): return user
    case .none: return nil
    case .unavailable: return ConnectionTable.owner(local: remote, remote: local)
    }
  }
}
