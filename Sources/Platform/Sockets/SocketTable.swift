/// The kernel's tables of sockets as text, such as `/proc/net/tcp`.
struct SocketTable: Sequence, IteratorProtocol {
  /// One socket.
  struct Entry: Sendable {
    let local: SocketEndpoint
    let remote: SocketEndpoint
    /// Nil for a socket that no process has any more: it has no inode, and its owner reads as root.
    let owner: UserID?
  }

  /// A table of 200,000 sockets has about 30 MiB.
  static let maximumOctets = 32 << 20

  private var lines: ArraySlice<ArraySlice<UInt8>>

  /// - Parameter text: what the kernel says, a line of headings first.
  init(_ text: [UInt8]) {
    self.lines = text.split(separator: UInt8(ascii: "\n")).dropFirst()
  }

  /// Nil when the kernel has no such table, or it cannot be read.
  init?(path: String) {
    guard let text = try? FileContents.read(path: path, limit: Self.maximumOctets) else { return nil }
    self.init(text)
  }

  /// An empty one when the kernel has no such table, as one without IPv6.
  ///
  /// - Throws: when there is one, and it cannot be read.
  static func read(path: String) throws(FileReadError) -> SocketTable {
    do throws(FileReadError) {
      return Self(try FileContents.read(path: path, limit: Self.maximumOctets))
    } catch {
      guard error.isMissing else { throw error }
      return Self([])
    }
  }

  /// The next entry that can be read.
  mutating func next() -> Entry? {
    while let line = self.lines.popFirst() {
      let fields = line.split(separator: UInt8(ascii: " "))
      // sl, local_address, rem_address, st, queues, timer, retransmits, uid, timeout, inode
      guard fields.count >= 10, let local = Self.endpoint(fields[1]), let remote = Self.endpoint(fields[2]) else {
        continue
      }
      let hasProcess = Self.decimal(fields[9]).map { $0 != 0 } ?? false
      let owner = hasProcess ? Self.decimal(fields[7]).flatMap { UserID(exactly: $0) } : nil
      return Entry(local: local, remote: remote, owner: owner)
    }
    return nil
  }

  /// `0100007F:1F90`: the address in words of 32 bits in the machine's order, the port in the usual one.
  private static func endpoint(_ field: ArraySlice<UInt8>) -> SocketEndpoint? {
    let parts = String(decoding: field, as: UTF8.self).split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].count == 8 || parts[0].count == 32, let port = UInt16(parts[1], radix: 16) else {
      return nil
    }
    var octets: [UInt8] = []
    var digits = parts[0]
    while !digits.isEmpty {
      guard let word = UInt32(digits.prefix(8), radix: 16) else { return nil }
      octets += [0, 8, 16, 24].map { UInt8(word.littleEndian >> UInt32($0) & 0xFF) }
      digits = digits.dropFirst(8)
    }
    return SocketEndpoint(octets: octets, port: port)
  }

  private static func decimal(_ field: ArraySlice<UInt8>) -> UInt64? {
    UInt64(String(decoding: field, as: UTF8.self))
  }
}
