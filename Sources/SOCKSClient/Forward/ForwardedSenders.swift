import NIOCore

/// The local senders of a ``DatagramForward``, of all its sockets together. On the forward's event loop.
///
/// Each socket has senders of its own family of addresses, so that no two of them are the same.
final class ForwardedSenders {
  var senders: [SocketAddress: ForwardedSender] = [:]
}
