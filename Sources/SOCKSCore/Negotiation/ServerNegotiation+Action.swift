public import NIOCore

extension ServerNegotiation {
  public enum Action: Hashable, Sendable {
    /// Nothing to do before more octets come.
    case readMore
    /// Nothing to do before the step in flight has ended; nothing is read until then.
    case wait
    /// Send, and ask again: more messages may lie in the buffer.
    case send(ByteBuffer)
    /// Hand the token to the library, off the loop; the outcome comes back by `stepFinished`.
    case stepContext(token: ByteBuffer)
    /// Unwrap on the loop; the outcome comes back by `protectionLevelUnwrapped`.
    case unwrapProtectionLevel(token: ByteBuffer)
    /// Wrap this octet without confidentiality; the token comes back by `protectionLevelWrapped`.
    case wrapProtectionLevel(UInt8)
    /// Send the answer in clear, then protect everything; what lies in the buffer is the peer's first protected octets.
    case protect(AgreedProtection, answer: ByteBuffer)
    /// Send the answer, if there is one, let go of the context and ask again: the request comes in clear, because an
    /// operator says so (``CompatibilitySwitch/unprotected``).
    case leaveUnprotected(UnprotectedSession, answer: ByteBuffer?)
    /// Compare, off the loop; the outcome comes back by `passwordChecked`.
    case checkPassword(UsernamePasswordRequest)
    /// Decide and do; the outcome comes back by `requestFinished`, for BIND after `announced`. What lies in the buffer is
    /// early data.
    case serve(SOCKSRequest)
    /// Send the reply, then relay; what lies in the buffer is early data.
    case relay(reply: ByteBuffer)
    /// Send the answer, if there is one, end the sending side, discard what still comes, close.
    case refuse(answer: ByteBuffer, SOCKSError)
    /// Close without a word.
    case close(SOCKSError)
    /// Free what came too late.
    case discard
  }

  /// What the connection is waiting for; each phase has a deadline of its own.
  public enum Phase: String, Hashable, Sendable {
    case method
    case authentication
    case level
    case request
    case serving
    /// Between the two replies to BIND.
    case listening
    case relaying
    case ended
  }
}
