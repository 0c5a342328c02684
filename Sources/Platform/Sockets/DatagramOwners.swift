/// Whose UDP sockets there are on this machine: the kernel's tables `/proc/net/udp` and `udp6` as they were at one moment.
///
/// The `sock_diag` interface answers a question for one socket with one. Several may have the same address when each asked
/// for that (`SO_REUSEADDR`), no matter who made them, so all are checked.
public struct DatagramOwners: Sendable {
  /// Whose socket has sent a datagram.
  public enum Answer: Hashable, Sendable {
    case user(UserID)
    /// Sockets of several users may have, or one whose owner is not known, or a table could not be read.
    case uncertain
    /// No socket has this address.
    case nobody
  }

  /// By the sockets' own ports; nil where the table could not be read.
  private let v4: [UInt16: [SocketTable.Entry]]?
  private let v6: [UInt16: [SocketTable.Entry]]?

  /// Reads the tables, which are as long as there are UDP sockets on the machine: a millisecond, or a second with hundreds of
  /// thousands. Blocks.
  public static func read() -> DatagramOwners {
    DatagramOwners(v4: try? SocketTable.read(path: "/proc/net/udp"), v6: try? SocketTable.read(path: "/proc/net/udp6"))
  }

  /// From lines of `/proc/net/udp`, the headings first; for tests.
  package init(lines: [String]) {
    self.init(v4: SocketTable(Array(lines.joined(separator: "\n").utf8)), v6: SocketTable([]))
  }

  init(v4: SocketTable?, v6: SocketTable?) {
    self.v4 = v4.map { Dictionary(grouping: $0, by: \.local.port) }
    self.v6 = v6.map { Dictionary(grouping: $0, by: \.local.port) }
  }

  /// - Parameters:
  ///   - sender: the address and port that the datagram came from.
  ///   - receiver: the address and port of the socket that got it.
  public func owner(sender: SocketEndpoint, receiver: SocketEndpoint) -> Answer {
    guard sender.octets.count == receiver.octets.count else { return .nobody }
    // A socket of the IPv6 family may send by IPv4.
    guard let v6 = self.v6, let v4 = sender.octets.count == 4 ? self.v4 : [:] else { return .uncertain }
    let candidates = [v4, v6].flatMap { [$0[sender.port], $0[0]].compactMap { $0 }.joined() }
    let owners = candidates.filter { $0.local.covers(sender) && $0.remote.covers(receiver) }.map(\.owner)
    guard let first = owners.first else { return .nobody }
    // One without a known owner makes it unknown.
    guard let first, owners.allSatisfy({ $0 == first }) else { return .uncertain }
    return .user(first)
  }
}

extension SocketEndpoint {
  /// True when a socket that has this for its own end, or for its peer's, may use that address: a port of zero means
  /// any, and so does an address of all zeros, an IPv6 one also for IPv4.
  fileprivate func covers(_ other: SocketEndpoint) -> Bool {
    guard self.port == other.port || self.port == 0 else { return false }
    if self.octets == other.octets { return true }
    let isUnspecified = self.octets.allSatisfy { $0 == 0 }
    return isUnspecified && (self.octets.count == other.octets.count || other.octets.count == 4)
  }
}
