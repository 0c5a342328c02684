public import NIOCore
public import SOCKSCore

extension SocketAddress {
  /// A socket address for an IP address and port.
  public init(_ address: IPAddress, port: UInt16) throws {
    try self.init(packedIPAddress: ByteBuffer(bytes: address.octets), port: Int(port))
  }
}

extension IPAddress {
  /// The IP address in a socket address; nil for a Unix socket's.
  public init?(_ address: SocketAddress) {
    guard let text = address.ipAddress else { return nil }
    self.init(text)
  }
}

extension SOCKSAddress {
  /// The IP address and port in a socket address; nil for a Unix socket's.
  public init?(_ address: SocketAddress) {
    guard let ip = IPAddress(address), let port = address.port.flatMap(UInt16.init(exactly:)) else { return nil }
    self.init(ip, port: port)
  }
}
