public import NIOCore
public import SOCKSCore

/// Listening sockets of the IPv6 family take IPv6 only (RFC 3493 section 5.3), so that `0.0.0.0` and `[::]` can be listened
/// on side by side, and each client is seen with the address that it has.
public enum IPv6Only {
  /// Sets the option of a socket that is not bound yet: NIO has switched it off, whatever the system's default is. To be
  /// called in the initializer of the listening channel.
  ///
  /// - Parameter address: what the socket will be bound to; nothing is done for IPv4.
  public static func apply(to listener: any Channel, boundTo address: IPAddress) throws {
    guard case .v6 = address, let options = listener.syncOptions else { return }
    try options.setOption(ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
  }
}
