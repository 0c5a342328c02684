import Glibc
import Platform

/// A TCP connection within this process: one end accepted, the other connected. The unsafe calls of this test target
/// are all here: the test is of the kernel's own view of plain sockets.
final class LoopbackConnection {
  let local: SocketEndpoint
  let remote: SocketEndpoint
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

  fileprivate static func bind(_ descriptor: Int32, _ octets: [UInt8]) -> Bool {
    unsafe withAddress(octets, port: 0) { unsafe Glibc.bind(descriptor, $0, $1) == 0 }
  }

  fileprivate static func connect(_ descriptor: Int32, _ octets: [UInt8], port: UInt16) -> Bool {
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

  fileprivate static func endpoint(
    _ descriptor: Int32, _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) throws -> SocketEndpoint {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe ask(descriptor, $0, &length) }
    }
    guard result == 0 else { throw Failure() }
    let bytes = unsafe withUnsafeBytes(of: address) { unsafe Array($0) }
    let octets = Int32(address.ss_family) == AF_INET ? bytes[4..<8] : bytes[8..<24]
    guard let endpoint = SocketEndpoint(octets: Array(octets), port: UInt16(bytes[2]) << 8 | UInt16(bytes[3])) else {
      throw Failure()
    }
    return endpoint
  }
}

/// Two UDP sockets within this process, of which one may send to the other.
final class LoopbackDatagrams {
  let sender: SocketEndpoint
  let receiver: SocketEndpoint
  private let sending: Int32
  private let receiving: Int32

  /// - Parameters:
  ///   - isConnected: Whether the sender is connected to the receiver; or else it is bound to every address.
  ///   - owner: The user whose socket the sender is to be (needs root).
  init(_ family: SocketOwnerTests.Family, isConnected: Bool = true, owner: UserID? = nil) throws {
    let kind = Int32(SOCK_DGRAM.rawValue)
    let loopback: [UInt8] = [127, 0, 0, 1]
    let loopbackV6 = [UInt8](repeating: 0, count: 15) + [1]
    receiving = socket(family == .v6 ? AF_INET6 : AF_INET, kind, 0)
    sending = socket(family == .v4 ? AF_INET : AF_INET6, kind, 0)
    guard receiving >= 0, sending >= 0 else { throw LoopbackConnection.Failure() }
    if let owner { guard fchown(sending, owner, gid_t.max) == 0 else { throw LoopbackConnection.Failure() } }
    let address = family == .v6 ? loopbackV6 : loopback
    guard LoopbackConnection.bind(receiving, address) else { throw LoopbackConnection.Failure() }
    receiver = try unsafe LoopbackConnection.endpoint(receiving, getsockname)
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] + loopback
    let prepared =
      isConnected
      ? LoopbackConnection.connect(sending, family == .mapped ? mapped : address, port: receiver.port)
      : LoopbackConnection.bind(sending, [UInt8](repeating: 0, count: family == .v4 ? 4 : 16))
    guard prepared else { throw LoopbackConnection.Failure() }
    let port = try unsafe LoopbackConnection.endpoint(sending, getsockname).port
    guard let sender = SocketEndpoint(octets: address, port: port) else { throw LoopbackConnection.Failure() }
    self.sender = sender
  }

  deinit { close(receiving) }

  func closeSender() { close(sending) }
}
