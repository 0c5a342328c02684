import SOCKSCore

/// What one end does that the other end, or its user, can see.
enum PeerOutput: Hashable {
  /// Octets sent in clear.
  case clear([UInt8])
  /// The plaintext of one message sent through the protection.
  case protected([UInt8])
  /// A request that was carried out (server).
  case served(ServedCommand, SOCKSAddress)
  /// The first of two replies that the caller got (client).
  case announced
  /// A reply that the caller got (client).
  case succeeded
  /// Relayed octets.
  case data([UInt8])
  /// Gone, with the error for the log.
  case closed(SOCKSError.Code)
}
