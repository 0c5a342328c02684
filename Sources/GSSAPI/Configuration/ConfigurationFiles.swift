#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// `krb5.conf` and what it includes, as they are now: two values are equal when nothing in them has changed.
///
/// Reading follows the library's rules closely enough not to miss a file: `include PATH`, `includedir FOLDER`, a folder
/// in place of a file. A file that the library would leave out does no harm.
struct ConfigurationFiles: Equatable {
  /// More files than any configuration has, and more bytes; what is beyond is not looked at.
  static let maximumFiles = 1_000
  static let maximumBytes = 4 << 20
  static let maximumDepth = 16

  /// The state of a file: its contents, or the system's error number.
  private enum Content: Equatable {
    case bytes([UInt8])
    case folder([String])
    case error(Int32)
  }

  /// The top files.
  let paths: [String]
  private var contents: [String: Content] = [:]
  private var bytesLeft = maximumBytes

  /// Reads those that the library would read now.
  static func current() -> ConfigurationFiles {
    ConfigurationFiles(paths: ConfigurationPaths.current)
  }

  init(paths: [String]) {
    self.paths = paths
    for path in paths { add(path, depth: 0) }
  }

  /// The files that there should be and that cannot be read, with the system's words.
  var unreadable: [String] {
    contents.sorted { $0.key < $1.key }.compactMap { path, content in
      guard case .error(let number) = content, number != 0 else { return nil }
      return "\(path): \(unsafe String(cString: strerror(number)))"
    }
  }

  /// The files that the library reads because of this one.
  func includedFiles(in path: String) -> [String] {
    guard case .bytes(let bytes)? = contents[path] else { return [] }
    return Self.included(in: bytes).flatMap { inner -> [String] in
      guard case .folder(let names)? = contents[inner] else { return [inner] }
      return names.filter(Self.isRead).map { "\(inner)/\($0)" }
    }
  }

  /// The library leaves other files of a folder out: backups, for example.
  private static func isRead(_ name: String) -> Bool {
    name.hasSuffix(".conf")
      || name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private mutating func add(_ path: String, depth: Int) {
    guard depth < Self.maximumDepth, contents.count < Self.maximumFiles, contents[path] == nil else { return }
    let content = Self.read(path, limit: bytesLeft)
    contents[path] = content
    switch content {
    case .error: break
    case .folder(let names):
      for name in names { add("\(path)/\(name)", depth: depth + 1) }
    case .bytes(let bytes):
      bytesLeft -= min(bytesLeft, bytes.count)
      for included in Self.included(in: bytes) { add(included, depth: depth + 1) }
    }
  }

  /// The paths behind `include` and `includedir`, which the library takes only at the beginning of a line.
  static func included(in bytes: [UInt8]) -> [String] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard line.starts(with: "include".utf8) else { return nil }
      var rest = line.dropFirst("include".utf8.count)
      if rest.starts(with: "dir".utf8) { rest = rest.dropFirst("dir".utf8.count) }
      guard let space = rest.first, isBlank(space) else { return nil }
      rest = rest.drop(while: isBlank)
      while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
      return rest.isEmpty || rest.contains(0) ? nil : String(decoding: rest, as: UTF8.self)
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  private static func read(_ path: String, limit: Int) -> Content {
    // Nothing else is opened: a named pipe would hold the program up, and devices may do worse.
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return .error(errno) }
    guard [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else { return .error(0) }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return .error(errno) }
    if status.st_mode & S_IFMT == S_IFDIR { return names(inFolder: descriptor) }
    defer { close(descriptor) }
    return bytes(of: descriptor, limit: limit)
  }

  private static func bytes(of descriptor: Int32, limit: Int) -> Content {
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while result.count < limit {
      let wanted = min(chunk.count, limit - result.count)
      #if canImport(Darwin)
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe Darwin.read(descriptor, $0.baseAddress, wanted) }
      #elseif canImport(Musl)
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe Musl.read(descriptor, $0.baseAddress, wanted) }
      #else
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, wanted) }
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        return .error(errno)
      }
      if count == 0 { break }
      result += chunk.prefix(count)
    }
    return .bytes(result)
  }

  /// Takes the descriptor over.
  private static func names(inFolder descriptor: Int32) -> Content {
    guard let folder = unsafe fdopendir(descriptor) else {
      defer { close(descriptor) }
      return .error(errno)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while names.count < maximumFiles, let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      // The library leaves hidden files out.
      if !name.hasPrefix(".") { names.append(name) }
    }
    return .folder(names.sorted())
  }
}
