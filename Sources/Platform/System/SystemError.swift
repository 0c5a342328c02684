internal import Glibc

/// A failed call of the system: its number and the system's words for it.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// `errno`.
  public let code: Int32

  public init(code: Int32) {
    self.code = code
  }

  /// What `errno` says now. To be asked directly after the call that failed.
  static var last: SystemError { SystemError(code: errno) }

  /// For example `Permission denied`. Asked through the reentrant call: `strerror` shares one buffer among threads.
  public var description: String {
    var buffer = [CChar](repeating: 0, count: 256)
    let text = unsafe buffer.withUnsafeMutableBufferPointer { buffer -> String? in
      guard let start = buffer.baseAddress, unsafe strerror_r(code, start, buffer.count - 1) == 0 else { return nil }
      return unsafe String(cString: start)
    }
    return text ?? "error \(code)"
  }
}
