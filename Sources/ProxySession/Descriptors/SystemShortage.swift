import Glibc
import NIOCore

/// The system's own want of descriptors or memory: this program's trouble, never its peer's.
public enum SystemShortage {
  static let codes: Set<CInt> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

  /// Whether a failed call says that the process or the system has no descriptor or no memory left.
  public static func isCause(of error: any Error) -> Bool {
    switch error {
    case let error as IOError: self.codes.contains(error.errnoCode)
    case let end as SessionEnd: end.cause == .limit(.descriptors) || end.cause == .limit(.memory)
    default: false
    }
  }
}
