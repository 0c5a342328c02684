internal import Glibc

/// The system's file of host names, `/etc/hosts` (hosts(5)), read anew for each question, in pieces.
///
/// The system's resolver reads it too, but not for a name with a final dot, and a name without one it may complete with a
/// domain of its own choice.
public enum HostsFile {
  public static let path = "/etc/hosts"
  /// Bytes that are read; what is behind them is not looked at.
  static let maximumLength = 64 << 20
  /// Bytes of a line that are looked at. Longer ones are passed over.
  static let maximumLine = 65_536

  /// The addresses of a host, four or sixteen bytes each, in the file's order, without repetitions. None when the file does
  /// not know the name, or when there is no file that this process may read. Blocks.
  ///
  /// - Parameters:
  ///   - name: ASCII; capitals and a final dot count for nothing.
  ///   - limit: the most addresses returned.
  /// - Throws: when the system cannot read it at this time.
  public static func addresses(
    of name: String, limit: Int, path: String = Self.path
  ) throws(SystemError) -> [[UInt8]] {
    guard !path.utf8.contains(0) else { throw SystemError(code: EINVAL) }
    // Opened without waiting, should somebody have put a pipe there.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      let error = SystemError.last
      guard [ENOENT, ENOTDIR, EACCES, EPERM].contains(error.code) else { throw error }
      return []
    }
    defer { close(descriptor) }
    var search = HostsFileSearch(name: name, limit: limit)
    var chunk = [UInt8](repeating: 0, count: 65_536)
    var total = 0
    while total < Self.maximumLength, !search.isComplete {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        let error = SystemError.last
        if error.code == EINTR { continue }
        throw error
      }
      guard count > 0 else { break }
      total += count
      search.add(chunk[..<count])
    }
    search.end()
    return search.addresses
  }
}

/// Lines of a hosts file as they come, and the addresses of one name in them.
struct HostsFileSearch {
  private let name: [UInt8]
  private let limit: Int
  private var line: [UInt8] = []
  private var isLineTooLong = false
  private(set) var addresses: [[UInt8]] = []

  init(name: String, limit: Int) {
    self.name = Self.canonical(Array(name.utf8)[...])
    self.limit = limit
  }

  var isComplete: Bool { self.addresses.count >= self.limit }

  mutating func add(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      self.keep(rest[..<end])
      self.end()
      rest = rest[(end + 1)...]
    }
    self.keep(rest)
  }

  private mutating func keep(_ part: ArraySlice<UInt8>) {
    guard !self.isLineTooLong, self.line.count + part.count <= HostsFile.maximumLine else {
      self.isLineTooLong = true
      return self.line.removeAll(keepingCapacity: true)
    }
    self.line += part
  }

  /// The line is whole.
  mutating func end() {
    defer {
      self.line.removeAll(keepingCapacity: true)
      self.isLineTooLong = false
    }
    guard !self.line.isEmpty, !self.isComplete else { return }
    let text = self.line.prefix { $0 != UInt8(ascii: "#") }
    let fields = text.split { [0x20, 0x09, 0x0B, 0x0C, 0x0D].contains($0) }
    guard let first = fields.first, fields.dropFirst().contains(where: { self.isMatch($0) }) else { return }
    // An address with a zone cannot be told to anybody, and is none here.
    guard let address = Self.address(first), !self.addresses.contains(address) else { return }
    self.addresses.append(address)
  }

  private func isMatch(_ field: ArraySlice<UInt8>) -> Bool {
    guard (self.name.count...self.name.count + 1).contains(field.count) else { return false }
    return Self.canonical(field) == self.name
  }

  private static func canonical(_ name: ArraySlice<UInt8>) -> [UInt8] {
    let name = name.last == UInt8(ascii: ".") ? name.dropLast() : name
    return name.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
  }

  private static func address(_ field: ArraySlice<UInt8>) -> [UInt8]? {
    guard field.count <= 45, !field.contains(0) else { return nil }
    let isV6 = field.contains(UInt8(ascii: ":"))
    var address = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
    let text = String(decoding: field, as: UTF8.self)
    let result = unsafe address.withUnsafeMutableBytes {
      unsafe inet_pton(isV6 ? AF_INET6 : AF_INET, text, $0.baseAddress)
    }
    return result == 1 ? address : nil
  }
}
