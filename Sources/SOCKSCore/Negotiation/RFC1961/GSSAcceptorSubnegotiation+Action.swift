public import NIOCore

extension GSSAcceptorSubnegotiation {
  public enum Action: Hashable, Sendable {
    /// Nothing to do before more comes from the peer.
    case readMore
    /// Send, and go on.
    case send(GSSMessage)
    /// Hand the token to the library, off the loop; the outcome comes back by `stepFinished`.
    case stepContext(token: ByteBuffer)
    /// Unwrap on the loop; the outcome comes back by `protectionLevelUnwrapped`.
    case unwrapProtectionLevel(token: ByteBuffer)
    /// Wrap this one octet without confidentiality; the token comes back by `protectionLevelWrapped`.
    case wrapProtectionLevel(UInt8)
    /// Send the answer; from the next octet on everything is encapsulated, both ways.
    case protect(AgreedProtection, answer: GSSMessage)
    /// Send the answer, if there is one, and continue unprotected; the context is not needed any more.
    case leaveUnprotected(UnprotectedSession, answer: GSSMessage?)
    /// Send an abort and close.
    case abort(SOCKSError)
    /// Free what came too late.
    case discard
  }
}
