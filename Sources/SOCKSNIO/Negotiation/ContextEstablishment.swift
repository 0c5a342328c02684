public import NIOCore
public import SOCKSCore

/// One context on its way to being established (RFC 1961 section 3).
///
/// Steps block (an initiator may talk to a KDC for half a minute, an acceptor waits for locks and files), so they run
/// elsewhere. A conforming class belongs to one event loop and must not be Sendable.
public protocol ContextEstablishment: AnyObject {
  /// Hands a token of the peer to the library; nil begins an initiator's context.
  ///
  /// `completion` is called exactly once, on the event loop this establishment was made for, and never before this call
  /// has returned: with what protects messages from there on when the context is complete, and only then. One step at a
  /// time; none after one that did not end in `continueNeeded`.
  func step(_ token: ByteBuffer?, completion: @escaping Completion)

  typealias Completion = (ContextStepResult, (any PerMessageProtection)?) -> Void
}
