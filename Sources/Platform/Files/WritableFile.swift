internal import Glibc

/// Whether this process can read and write a file that a library will open by itself.
public enum WritableFile {
  /// Opens the file as the library will, creating it for its owner alone where there is none.
  public static func open(_ path: String) throws(FileReadError) {
    try open(path, flags: O_CREAT)
  }

  /// Opens the file if there is one; else makes a file in its folder and removes it again. Leaves nothing behind.
  public static func probe(_ path: String) throws(FileReadError) {
    do throws(FileReadError) {
      try open(path, flags: 0)
    } catch {
      guard error.isMissing else { throw error }
      try probeFolder(of: path)
    }
  }

  private static func open(_ path: String, flags: Int32) throws(FileReadError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw FileReadError(path: path, reason: "this cannot be a file's name", advice: "give the path of a file")
    }
    // A named pipe must not hold the program up.
    let descriptor = unsafe Glibc.open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0o600)
    guard descriptor >= 0 else { throw FileReadError(path: path, error: .last) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileReadError(path: path, error: .last) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileReadError(
        path: path, reason: "it is not a regular file", advice: "name a file, or one that can be made")
    }
  }

  private static func probeFolder(of path: String) throws(FileReadError) {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { String(path[...$0]) } ?? "./"
    for _ in 0..<16 {
      let name = "\(folder).garterd-check-\(getpid())-\(UInt32.random(in: .min ... .max))"
      let descriptor = unsafe Glibc.open(name, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else {
        let error = SystemError.last
        if error.code == EEXIST { continue }
        throw FileReadError(path: path, error: error)
      }
      close(descriptor)
      guard unsafe unlink(name) == 0 else { throw FileReadError(path: name, error: .last) }
      return
    }
    throw FileReadError(path: path, error: SystemError(code: EEXIST))
  }
}
