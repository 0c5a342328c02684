public import NIOCore
public import SOCKSCore

/// Per-message protection of one established context (RFC 1961 sections 4.4 and 5), in batches: wrapping takes all the
/// plaintext of a flush, unwrapping all the whole messages of a read. How plaintext is cut into tokens is the engine's
/// choice, and nothing above this protocol knows which engine runs.
///
/// A conforming class belongs to one channel's event loop. It must not be Sendable; then the compiler keeps it there.
/// Contexts are not thread-safe, wrapping and unwrapping together.
public protocol PerMessageProtection: AnyObject {
  /// What makes and opens the tokens at this moment, for the session's record: one of a few words.
  var engine: String { get }

  /// Wraps all of `plaintext` into as many tokens as it takes, each of at most 65,535 octets.
  ///
  /// - Parameter sealed: whether confidentiality is asked for; the frames refuse a token that lacks it.
  /// - Throws: `protectionFailed`. The session is over then, and no frame of this batch may be sent.
  func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError)

  /// Wraps `plaintext` into exactly one token: that of a datagram, header and data together (RFC 1928 section 7).
  ///
  /// - Throws: `valueOutOfRange` when it does not fit a token, with nothing written and no number spent;
  ///   `protectionFailed`.
  func wrapDatagram(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError)

  /// Unwraps the batch's tokens in order, appends their plaintext, and adds an outcome for each.
  ///
  /// An engine that opens tokens where they lie appends nothing, and says where the plaintext is
  /// (``TokenBatch/openedInPlace(_:)``).
  ///
  /// It stops at the first token that cannot be unwrapped and returns the error; outcomes and plaintext are then those of
  /// the tokens before it. Whether an outcome is good enough is not decided here. The batch's octets are used up.
  func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError?

  /// Wraps the octet of a protection-level message, "with conf_req set to FALSE" (RFC 1961 section 4.4).
  func wrapProtectionLevel(_ octet: UInt8) -> WrapResult

  /// Unwraps the token of a protection-level message.
  func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult
}
