import Glibc
import NIOCore

/// What the system says of bytes on their way to a peer.
///
/// A relay hands bytes to the system in parts of up to some hundred KiB. A slow receiver takes minutes for one of them, and
/// nothing is seen of that above the socket.
enum DeliveryProgress {
  /// When the system last sent new data to a channel's peer, which it does for as long as that peer makes room for more.
  /// Nil for what is not a TCP connection, and where the peer has stopped acknowledging.
  ///
  /// To be asked on the channel's event loop. It is one short system call.
  static func lastSent(on channel: any Channel, now: NIODeadline) -> NIODeadline? {
    guard let provider = channel as? any SocketOptionProvider else { return nil }
    var last: NIODeadline?
    // On the channel's own loop the answer is there at once.
    provider.getTCPInfo().assumeIsolated().whenSuccess { info in
      // Data that is only repeated is no progress.
      guard info.tcpi_retransmits == 0 else { return }
      last = now - .milliseconds(Int64(info.tcpi_last_data_sent))
    }
    return last
  }
}
