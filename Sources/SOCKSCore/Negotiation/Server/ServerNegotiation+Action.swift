public import NIOCore

extension ServerNegotiation {
  public enum Action: Hashable, Sendable {
    /// Nothing to do before more octets come.
    case readMore
    /// Nothing to do before the step in flight has ended; nothing is read until then.
    case wait
    /// Send the selection of this method, and ask again: the client has yet to authenticate.
    case select(SOCKSMethod, answer: ByteBuffer)
    /// Send the selection of method X'00', and ask again: the client need not authenticate, and its request comes next.
    case selectNoAuthentication(answer: ByteBuffer)
    /// Hand the token to the library, off the loop; the outcome comes back by `stepFinished`.
    case stepContext(token: ByteBuffer)
    /// Send what the library has answered, and ask again.
    case send(ByteBuffer)
    /// Unwrap on the loop; the outcome comes back by `protectionLevelUnwrapped`.
    case unwrapProtectionLevel(token: ByteBuffer)
    /// Wrap this octet without confidentiality; the token comes back by `protectionLevelWrapped`.
    case wrapProtectionLevel(UInt8)
    /// Send the answer unprotected, then protect everything; what lies in the buffer is the peer's first protected octets.
    case protect(AgreedProtection, answer: ByteBuffer)
    /// Send the answer, if there is one, let go of the context and ask again: the request comes unprotected, because an
    /// operator says so (``CompatibilitySwitch/unprotected``).
    case leaveUnprotected(UnprotectedSession, answer: ByteBuffer?)
    /// Compare, off the loop; the outcome comes back by `passwordChecked`.
    case checkPassword(UsernamePasswordRequest)
    /// Send the answer, and ask again: the client is this user, and its request comes next.
    case accept(username: [UInt8], answer: ByteBuffer)
    /// Decide and do; the outcome comes back by `requestFinished`, for BIND after `announced`. What lies in the buffer is
    /// early data.
    case serve(ServedCommand, destination: SOCKSAddress)
    /// Send the first reply to BIND, and ask again.
    case announce(reply: ByteBuffer)
    /// Send the reply, then relay; what lies in the buffer is early data.
    case relay(reply: ByteBuffer)
    /// Send the answer, end the sending side, discard what still comes, close.
    case refuse(answer: ByteBuffer, SOCKSError)
    /// Close without an answer.
    case close(SOCKSError)
    /// Free what came too late.
    case discard
  }
}
