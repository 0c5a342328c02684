internal import Glibc

/// A file that holds secrets: read only when others may not read it, and replaced as a whole.
public enum SecretFile {
  /// What changes when a file is replaced or written to.
  public struct Version: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let times: [Int]

    init(_ status: stat) {
      self.device = UInt64(status.st_dev)
      self.inode = UInt64(status.st_ino)
      self.size = Int64(status.st_size)
      self.times = [
        status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
      ]
    }
  }

  public typealias Contents = (contents: [UInt8], version: Version)

  /// The version of what is there now; nil when nothing is, or it cannot be told.
  public static func version(path: String) -> Version? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return Version(status)
  }

  /// Reads a regular file.
  ///
  /// - Throws: also when its mode lets others read it, or others or its group change it.
  public static func read(path: String, limit: Int) throws(FileReadError) -> Contents {
    let file = try self.open(path: path, limit: limit)
    return (file.contents, Version(file.status))
  }

  /// Changes a file, or makes it: a new one takes its place in one step, so that readers see the old one or the new one.
  /// One change at a time; another one fails. Mode and owner stay; a new file is for its owner alone.
  ///
  /// - Parameter change: gives the new contents, and is given the old ones; `nil` when there is no file.
  public static func update(
    path: String, limit: Int, change: ([UInt8]?) throws -> [UInt8]
  ) throws {
    let path = self.resolved(path)
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let lock = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else { throw FileReadError(path: folder, error: .last) }
    // Lets go of the lock.
    defer { close(lock) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      throw FileReadError(path: path, reason: "another process is changing it", advice: "try again")
    }
    var old: (contents: [UInt8], status: stat)?
    do throws(FileReadError) {
      old = try self.open(path: path, limit: limit)
    } catch {
      var status = stat()
      guard unsafe stat(path, &status) != 0, errno == ENOENT else { throw error }
    }
    let contents = try change(old?.contents)
    try self.write(contents, to: path, like: old?.status, folder: lock)
  }

  /// The file that a name leads to: a symbolic link is not to be replaced by what it names.
  private static func resolved(_ path: String) -> String {
    guard let text = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }

  private static func open(path: String, limit: Int) throws(FileReadError) -> (contents: [UInt8], status: stat) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw FileReadError(path: path, reason: "this cannot be a file's name", advice: "give the path of a file")
    }
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw FileReadError(path: path, error: .last) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileReadError(path: path, error: .last) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileReadError(path: path, reason: "it is no ordinary file", advice: "give the path of a file")
    }
    guard status.st_mode & 0o027 == 0 else {
      let mode = String(status.st_mode & 0o777, radix: 8)
      throw FileReadError(
        path: path, reason: "others may read it, or its group change it (mode \(mode))",
        advice: "chmod 600 \(path), or 640 for the gateway's group")
    }
    return (try FileContents.read(descriptor: descriptor, path: path, limit: limit), status)
  }

  private static func write(
    _ contents: [UInt8], to path: String, like old: stat?, folder: CInt
  ) throws(FileReadError) {
    let new = "\(path).\(UInt64.random(in: 0 ... .max))"
    let descriptor = unsafe Glibc.open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileReadError(path: new, error: .last) }
    var isDone = false
    defer {
      close(descriptor)
      if !isDone { _ = unsafe unlink(new) }
    }
    if let old {
      // The owner before the mode: a change of owner takes bits of the mode away.
      var made = stat()
      guard unsafe fstat(descriptor, &made) == 0 else { throw FileReadError(path: new, error: .last) }
      if made.st_uid != old.st_uid || made.st_gid != old.st_gid {
        guard fchown(descriptor, old.st_uid, old.st_gid) == 0 else { throw FileReadError(path: new, error: .last) }
      }
      guard fchmod(descriptor, old.st_mode & 0o777) == 0 else { throw FileReadError(path: new, error: .last) }
    }
    var rest = contents[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileReadError(path: new, error: .last) }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0, unsafe rename(new, path) == 0 else { throw FileReadError(path: path, error: .last) }
    isDone = true
    // The contents are safe in any case; this makes the name so.
    _ = fsync(folder)
  }
}
