/// What became of unwrapping a protection-level token.
public enum UnwrapResult: Hashable, Sendable {
  case unwrapped([UInt8], UnwrapOutcome)
  case failed(SOCKSError)
}
