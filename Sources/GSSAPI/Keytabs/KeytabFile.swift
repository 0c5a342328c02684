#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// What the system knows of a keytab's file: who may use it, and whether it has changed.
public struct KeytabFile: Hashable, Sendable {
  /// Permission bits, `0o640`.
  public let permissions: UInt32

  /// Permission bits as `chmod` takes them.
  public var mode: String { String(permissions, radix: 8) }

  /// What there is to say where ``isWritableByOthers``.
  public func writableText(_ keytab: String) -> String {
    "users other than its owner may write the keytab \(keytab) (mode \(mode)), and so pass for any client; take the right "
      + "away: chmod g-w,o-w"
  }

  private let device: UInt64
  private let inode: UInt64
  private let size: Int64
  private let modified: [Int64]
  private let changed: [Int64]

  /// Users other than the owner and the group may read the keys.
  public var isReadableByOthers: Bool { permissions & 0o004 != 0 }

  /// Users other than the owner may put keys of their own into it.
  public var isWritableByOthers: Bool { permissions & 0o022 != 0 }

  /// False while it may change again within the same tick of the file system's clock, unseen.
  ///
  /// Asked after it was read: what came later has another stamp.
  public var isSettled: Bool { (changed.first ?? .max) < Int64(time(nil)) - 1 }

  /// The file behind a keytab's name; `nil` for a keytab that is no file.
  ///
  /// - Parameter name: in the library's spelling: a path, or `FILE:PATH`, `WRFILE:PATH`.
  /// - Throws: a ``GSSError`` with the system's number and words when there is no such file, or no way to it.
  public static func status(of name: String) throws(GSSError) -> KeytabFile? {
    guard let path = path(of: name) else { return nil }
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      let code = errno
      throw unsafe KerberosLibraryError.make("stat", code, nil)
    }
    return KeytabFile(status)
  }

  /// The path in a keytab's name, if it has one.
  public static func path(of name: String) -> String? {
    guard !name.utf8.contains(0) else { return nil }
    for prefix in ["FILE:", "WRFILE:"] where name.hasPrefix(prefix) { return String(name.dropFirst(prefix.count)) }
    // A colon behind a slash belongs to the path.
    let kind = name.prefix { $0 != ":" && $0 != "/" }
    return kind.endIndex == name.endIndex || name[kind.endIndex] == "/" ? name : nil
  }

  private init(_ status: stat) {
    permissions = UInt32(status.st_mode) & 0o7777
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    #if canImport(Darwin)
      let times = (status.st_mtimespec, status.st_ctimespec)
    #else
      let times = (status.st_mtim, status.st_ctim)
    #endif
    modified = [Int64(times.0.tv_sec), Int64(times.0.tv_nsec)]
    changed = [Int64(times.1.tv_sec), Int64(times.1.tv_nsec)]
  }
}
