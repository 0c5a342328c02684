public import NIOCore

/// What became of one call of gss_accept_sec_context or gss_init_sec_context.
public enum ContextStepResult: Hashable, Sendable {
  /// GSS_S_CONTINUE_NEEDED, with the token for the peer.
  case continueNeeded(token: ByteBuffer)
  /// GSS_S_COMPLETE, with the last token for the peer if there is one.
  case complete(SecurityContextAttributes, token: ByteBuffer?)
  /// Anything else, the library's text included.
  case failed(SOCKSError)
}
