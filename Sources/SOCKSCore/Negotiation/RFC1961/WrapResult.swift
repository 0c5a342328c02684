public import NIOCore

/// What became of wrapping a protection-level octet.
public enum WrapResult: Hashable, Sendable {
  case wrapped(token: ByteBuffer)
  case failed(SOCKSError)
}
