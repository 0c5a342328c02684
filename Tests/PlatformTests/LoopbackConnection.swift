import Glibc
import Platform

/// A TCP connection within this process: one end accepted, the other connected. The unsafe calls of this test target
/// are all here: the test is of the kernel's own view of plain sockets.
final class LoopbackConnection {
  let local: TCPEndpoint
  let remote: TCPEndpoint
  private let listener: Int32
  private let accepted: Int32
  private let peer: Int32

  struct Failure: Error {}

  /// - Parameter owner: The user whose socket the peer's end is to be (needs root).
  init(_ family: SocketOwnerTests.Family, owner: UserID? = nil) throws {
    let kind = Int32(SOCK_STREAM.rawValue)
    listener = socket(family == .v4 ? AF_INET : AF_INET6, kind, 0)
    peer = socket(family == .v6 ? AF_INET6 : AF_INET, kind, 0)
    guard listener >= 0, peer >= 0 else { throw Failure() }
    if let owner { guard fchown(peer, owner, gid_t.max) == 0 else { throw Failure() } }

    let loopback: [UInt8] = [127, 0, 0, 1]
    let loopbackV6 = [UInt8](repeating: 0, count: 15) + [1]
    let anyV6 = [UInt8](repeating: 0, count: 16)
    guard Self.bind(listener, family == .v4 ? loopback : family == .v6 ? loopbackV6 : anyV6), listen(listener, 1) == 0
    else { throw Failure() }
    let port = try unsafe Self.endpoint(listener, getsockname).port
    guard Self.connect(peer, family == .v6 ? loopbackV6 : loopback, port: port) else { throw Failure() }
    accepted = accept(listener, nil, nil)
    guard accepted >= 0 else { throw Failure() }
    local = try unsafe Self.endpoint(accepted, getsockname)
    remote = try unsafe Self.endpoint(accepted, getpeername)
  }

  deinit { close(listener) }

  func closePeer() { close(peer) }
  func closeOurs() { close(accepted) }

  private static func bind(_ descriptor: Int32, _ octets: [UInt8]) -> Bool {
    unsafe withAddress(octets, port: 0) { unsafe Glibc.bind(descriptor, $0, $1) == 0 }
  }

  private static func connect(_ descriptor: Int32, _ octets: [UInt8], port: UInt16) -> Bool {
    unsafe withAddress(octets, port: port) { unsafe Glibc.connect(descriptor, $0, $1) == 0 }
  }

  private static func withAddress(
    _ octets: [UInt8], port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) -> Bool {
    // sockaddr_in: family, port, address. sockaddr_in6: family, port, flow, address, scope.
    let family = octets.count == 4 ? AF_INET : AF_INET6
    var address = [UInt8](repeating: 0, count: octets.count == 4 ? 16 : 28)
    address[0] = UInt8(family)
    address[2] = UInt8(port >> 8)
    address[3] = UInt8(port & 0xFF)
    address.replaceSubrange((octets.count == 4 ? 4 : 8)..<(octets.count == 4 ? 8 : 24), with: octets)
    return unsafe address.withUnsafeBytes { bytes in
      unsafe bytes.withMemoryRebound(to: sockaddr.self) { bytes in
        guard let start = bytes.baseAddress else { return false }
        return unsafe body(start, socklen_t(address.count))
      }
    }
  }

  private static func endpoint(
    _ descriptor: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) throws -> TCPEndpoint {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe ask(descriptor, $0, &length) }
    }
    guard result == 0 else { throw Failure() }
    let bytes = unsafe withUnsafeBytes(of: address) { unsafe Array($0) }
    let octets = Int32(address.ss_family) == AF_INET ? bytes[4..<8] : bytes[8..<24]
    guard let endpoint = TCPEndpoint(octets: Array(octets), port: UInt16(bytes[2]) << 8 | UInt16(bytes[3])) else {
      throw Failure()
    }
    return endpoint
  }
}
