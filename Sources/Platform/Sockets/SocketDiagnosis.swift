internal import Glibc

/// The kernel's socket monitoring interface, `sock_diag(7)`: one exact question, one answer.
enum SocketDiagnosis {
  enum Answer: Equatable {
    case owner(UserID)
    case none
    /// The kernel does not offer the interface, or something keeps us from it.
    case unavailable
  }

  static func find(local: SocketEndpoint, remote: SocketEndpoint) -> Answer {
    let descriptor = socket(PF_NETLINK, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), netlinkSocketDiagnosis)
    guard descriptor >= 0 else { return .unavailable }
    defer { close(descriptor) }

    let question = question(local: local, remote: remote)
    let sent = unsafe question.withUnsafeBytes {
      unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    guard sent == question.count else { return .unavailable }
    // The kernel answers inside `send`; not waiting here means that nothing can keep us waiting.
    var answer = [UInt8](repeating: 0, count: 1024)
    let count = unsafe answer.withUnsafeMutableBytes {
      unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
    }
    guard count > 0 else { return .unavailable }
    return read(answer: Array(answer.prefix(count)), local: local, remote: remote)
  }

  // MARK: - Messages

  /// `nlmsghdr` and `inet_diag_req_v2` of <linux/netlink.h> and <linux/inet_diag.h>. Numbers are in the machine's
  /// order, ports and addresses in network order.
  private static func question(local: SocketEndpoint, remote: SocketEndpoint) -> [UInt8] {
    let family = UInt8(local.octets.count == 4 ? AF_INET : AF_INET6)
    let anyCookie = native(UInt32.max) + native(UInt32.max)
    let body: [UInt8] =
      [family, UInt8(IPPROTO_TCP), 0, 0] + native(UInt32.max) + socketID(local: local, remote: remote)
      + native(UInt32(0))
      + anyCookie
    let length = UInt32(16 + body.count)
    return native(length) + native(socketDiagnosisByFamily) + native(requestFlag) + native(sequence) + native(UInt32(0))
      + body
  }

  /// `inet_diag_sockid` up to the interface.
  private static func socketID(local: SocketEndpoint, remote: SocketEndpoint) -> [UInt8] {
    func padded(_ octets: [UInt8]) -> [UInt8] { octets + [UInt8](repeating: 0, count: 16 - octets.count) }
    return bigEndian(local.port) + bigEndian(remote.port) + padded(local.octets) + padded(remote.octets)
  }

  /// `nlmsghdr`, then `inet_diag_msg` (72 octets) or `nlmsgerr`.
  static func read(answer: [UInt8], local: SocketEndpoint, remote: SocketEndpoint) -> Answer {
    guard answer.count >= 20 else { return .unavailable }
    let type = answer[4..<6]
    if type.elementsEqual(native(errorType)) {
      return answer[16..<20].elementsEqual(native(UInt32(bitPattern: -ENOENT))) ? .none : .unavailable
    }
    guard type.elementsEqual(native(socketDiagnosisByFamily)), answer.count >= 16 + 72 else { return .unavailable }
    let message = Array(answer[16..<88])
    // Without such a connection the kernel looks for a listener on the port; that is not the peer.
    guard let foundLocal = endpoint(message, port: 4, address: 8),
      let foundRemote = endpoint(message, port: 6, address: 24),
      foundLocal == local, foundRemote == remote
    else { return .none }
    // A socket that no process has any more has no inode, and its owner reads as root.
    guard number(message[68..<72]) != 0 else { return .none }
    return .owner(number(message[64..<68]))
  }

  private static func endpoint(_ message: [UInt8], port: Int, address: Int) -> SocketEndpoint? {
    let length = message[0] == UInt8(AF_INET) ? 4 : 16
    return SocketEndpoint(
      octets: Array(message[address..<address + length]), port: UInt16(message[port]) << 8 | UInt16(message[port + 1]))
  }

  private static func bigEndian(_ value: UInt16) -> [UInt8] {
    [UInt8(value >> 8), UInt8(value & 0xFF)]
  }

  private static func native(_ value: UInt16) -> [UInt8] {
    [0, 8].map { UInt8(value.littleEndian >> UInt16($0) & 0xFF) }
  }

  private static func native(_ value: UInt32) -> [UInt8] {
    [0, 8, 16, 24].map { UInt8(value.littleEndian >> UInt32($0) & 0xFF) }
  }

  private static func number(_ octets: ArraySlice<UInt8>) -> UInt32 {
    UInt32(littleEndian: octets.reversed().reduce(0) { $0 << 8 | UInt32($1) })
  }

  private static let netlinkSocketDiagnosis: Int32 = 4
  private static let socketDiagnosisByFamily: UInt16 = 20
  private static let errorType: UInt16 = 2
  private static let requestFlag: UInt16 = 1
  private static let sequence: UInt32 = 1
}
