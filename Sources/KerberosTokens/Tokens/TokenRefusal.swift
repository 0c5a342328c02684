/// Why a token was not opened. For the log only: a peer is told one and the same thing whatever it was.
public enum TokenRefusal: Error, Hashable, Sendable {
  /// Fewer octets than the smallest token of its kind has.
  case tooShort
  /// More octets than ``TokenSession/maximumTokenLength``.
  case tooLong
  /// Another identifier than 05 04, or another filler than ff.
  case notAWrapToken
  /// A token of our own direction: reflected.
  case wrongDirection
  /// The acceptor's subkey is used where there is none, or not where there is one (RFC 4121 section 4.2.2).
  case wrongKey
  /// EC is not the checksum's length, or leaves less than nothing of a sealed plaintext.
  case wrongExtraCount
  /// The checksum differs: altered, or made with another key.
  case wrongChecksum
  /// The sealed copy of the header differs from the header.
  case wrongHeaderCopy
  /// The number is not the one that follows (``ReceiveOrder``).
  case outOfOrder
  /// The token does not lie in the memory given, or overlaps another one: a fault of the caller.
  case outsideMemory
  /// The cipher provider failed: a fault of ours.
  case cipherFailed
}
