internal import Glibc

/// Reading of whole small files.
public enum FileContents {
  /// Reads a regular file, or what a name such as `/dev/stdin` refers to, up to a limit.
  ///
  /// - Parameter limit: The largest length that is accepted, in octets. No more than one octet beyond is ever read.
  public static func read(path: String, limit: Int) throws(FileReadError) -> [UInt8] {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw FileReadError(path: path, reason: "this cannot be a file's name", advice: "give the path of a file")
    }
    // Opened without waiting: a named pipe that nobody writes to must not hold the program up.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw FileReadError(path: path, error: .last) }
    defer { close(descriptor) }

    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileReadError(path: path, error: .last) }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw FileReadError(path: path, error: SystemError(code: EISDIR)) }
    // From here on waiting is right: a pipe without a writer is at its end, and one with a writer has something to say.
    guard fcntl(descriptor, F_SETFL, 0) == 0 else { throw FileReadError(path: path, error: .last) }
    return try read(descriptor: descriptor, path: path, limit: min(max(0, limit), maximumLimit))
  }

  /// A limit above this one (1 GiB) counts as this one.
  public static let maximumLimit = 1 << 30

  static func read(descriptor: Int32, path: String, limit: Int) throws(FileReadError) -> [UInt8] {
    var contents: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let wanted = min(chunk.count, limit + 1 - contents.count)
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, wanted) }
      if count < 0 {
        let error = SystemError.last
        if error.code == EINTR { continue }
        throw FileReadError(path: path, error: error)
      }
      if count == 0 { return contents }
      contents += chunk[..<count]
      guard contents.count <= limit else {
        throw FileReadError(
          path: path, reason: "it is longer than \(limit) bytes", advice: "check that this is the right file")
      }
    }
  }
}

/// Why a file could not be read, and what helps.
public struct FileReadError: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  /// What went wrong, for example `Permission denied`.
  public let reason: String
  /// What helps.
  public let advice: String
  /// The system's reason; nil for one of our own.
  let error: SystemError?

  public init(path: String, reason: String, advice: String) {
    self.path = path
    self.reason = reason
    self.advice = advice
    self.error = nil
  }

  init(path: String, error: SystemError) {
    let advice =
      switch error.code {
      case ENOENT, ENOTDIR: "check the path"
      case EACCES, EPERM: "let user \(currentUserID()) read it, and enter the folders above it"
      case EISDIR: "name a file in it"
      default: "check the file and the disk it lies on"
      }
    self.path = path
    self.reason = error.description
    self.advice = advice
    self.error = error
  }

  /// Whether there is no such file.
  var isMissing: Bool { self.error.map { [ENOENT, ENOTDIR].contains($0.code) } ?? false }

  /// `cannot read PATH: reason (advice)`.
  public var description: String { "cannot read \(path): \(reason) (\(advice))" }
}
