public import NIOCore

/// The options that every channel of a session has, client side and target side.
public enum RelayChannelOptions {
  /// Sets the options of a channel that has just been made.
  ///
  /// - Parameter keepalive: how a peer that has silently gone is found.
  public static func apply(to channel: any Channel, keepalive: TCPKeepalive = TCPKeepalive()) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      guard let options = channel.syncOptions else { return }
      try Self.setChannelOptions(options)
      try Self.setSocketOptions(options, keepalive)
    }
  }

  /// Sets what a listener's connections have from their beginning: the system gives each of them the listener's socket
  /// options. To be called in the initializer of the listening channel.
  ///
  /// - Parameter keepalive: how a peer that has silently gone is found.
  public static func applyToListener(_ listener: any Channel, keepalive: TCPKeepalive = TCPKeepalive()) throws {
    guard let options = listener.syncOptions else { return }
    try Self.setSocketOptions(options, keepalive)
  }

  /// Sets the options of a channel that such a listener has just accepted.
  public static func applyToAccepted(_ channel: any Channel) throws {
    guard let options = channel.syncOptions else { return }
    try Self.setChannelOptions(options)
  }

  private static func setChannelOptions(_ options: any NIOSynchronousChannelOptions) throws {
    try options.setOption(.autoRead, value: false)
    try options.setOption(.allowRemoteHalfClosure, value: true)
    // One message per read, and buffers that are given away: see GrowingReceiveAllocator.
    try options.setOption(.maxMessagesPerRead, value: 1)
    try options.setOption(.recvAllocator, value: GrowingReceiveAllocator())
  }

  private static func setSocketOptions(
    _ options: any NIOSynchronousChannelOptions, _ keepalive: TCPKeepalive
  ) throws {
    try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
    try keepalive.apply(to: options)
  }
}
