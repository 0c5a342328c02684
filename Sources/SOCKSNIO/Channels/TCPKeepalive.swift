import Glibc
import NIOCore

/// How the system finds out that the other end of a silent connection is gone. The connection breaks after
/// `idle + interval × probes`.
///
/// TCP_USER_TIMEOUT is left alone: it would also break a connection whose receiver does not read for so long, and a relay
/// has to wait for a receiver that pauses.
public struct TCPKeepalive: Hashable, Sendable {
  /// Seconds of silence before the first probe.
  public var idle: CInt
  /// Seconds between probes.
  public var interval: CInt
  /// Unanswered probes.
  public var probes: CInt

  public init(idle: CInt = 60, interval: CInt = 10, probes: CInt = 5) {
    (self.idle, self.interval, self.probes) = (idle, interval, probes)
  }

  func apply(to options: any NIOSynchronousChannelOptions) throws {
    try options.setOption(.socketOption(.so_keepalive), value: 1)
    for (name, value) in [(TCP_KEEPIDLE, self.idle), (TCP_KEEPINTVL, self.interval), (TCP_KEEPCNT, self.probes)] {
      let option = ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: name))
      try options.setOption(option, value: ChannelOptions.Types.SocketOption.Value(value))
    }
  }
}
