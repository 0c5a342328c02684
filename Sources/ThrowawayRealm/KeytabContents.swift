/// The entries of a keytab file (format 5.2 of MIT's library), for keytabs that no program of a realm makes: one key under
/// several names, as Active Directory has it, in any order, with any version.
public struct KeytabContents: Sendable {
  public struct Entry: Hashable, Sendable {
    /// Without the realm; parts divided by `/`.
    public var name: String
    public var realm: String
    public var version: UInt32
    public var encryptionType: UInt16
    public var key: [UInt8]

    public init(name: String, realm: String, version: UInt32, encryptionType: UInt16, key: [UInt8]) {
      self.name = name
      self.realm = realm
      self.version = version
      self.encryptionType = encryptionType
      self.key = key
    }
  }

  public var entries: [Entry]

  public init(entries: [Entry]) {
    self.entries = entries
  }

  /// Reads a file's contents; nil when they are no keytab.
  public init?(bytes: [UInt8]) {
    var reader = Reader(rest: bytes[...])
    guard reader.integer(2) == 0x0502 else { return nil }
    self.entries = []
    while !reader.rest.isEmpty {
      guard let size = reader.integer(4) else { return nil }
      // A hole has a negative size.
      let isHole = size & 0x8000_0000 != 0
      guard let bytes = reader.take(Int(isHole ? 0x1_0000_0000 - size : size)) else { return nil }
      guard !isHole else { continue }
      guard let entry = Entry(bytes) else { return nil }
      self.entries.append(entry)
    }
  }

  public var bytes: [UInt8] {
    [0x05, 0x02]
      + entries.flatMap { entry in
        let bytes = entry.bytes
        return Self.integer(bytes.count, 4) + bytes
      }
  }

  /// The keys of one principal under another name.
  public func keys(of name: String, as other: String, realm: String? = nil, version: UInt32? = nil) -> [Entry] {
    entries.filter { $0.name == name }.map { entry in
      var entry = entry
      entry.name = other
      entry.realm = realm ?? entry.realm
      entry.version = version ?? entry.version
      return entry
    }
  }

  fileprivate static func integer(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(value >> ($0 * 8) & 0xff) }
  }

  fileprivate struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
      guard count >= 0, rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }

    mutating func integer(_ count: Int) -> Int? {
      take(count)?.reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func counted() -> ArraySlice<UInt8>? {
      integer(2).flatMap { take($0) }
    }
  }
}

extension KeytabContents.Entry {
  fileprivate init?(_ bytes: ArraySlice<UInt8>) {
    var reader = KeytabContents.Reader(rest: bytes)
    guard let count = reader.integer(2), let realm = reader.counted() else { return nil }
    var parts: [String] = []
    for _ in 0..<count {
      guard let part = reader.counted() else { return nil }
      parts.append(String(decoding: part, as: UTF8.self))
    }
    // The kind of name and the time.
    guard reader.take(8) != nil, let short = reader.integer(1), let type = reader.integer(2), let key = reader.counted()
    else { return nil }
    let long = reader.integer(4) ?? 0
    self.init(
      name: parts.joined(separator: "/"), realm: String(decoding: realm, as: UTF8.self),
      version: UInt32(long != 0 ? long : short), encryptionType: UInt16(clamping: type), key: Array(key))
  }

  fileprivate var bytes: [UInt8] {
    func counted(_ bytes: [UInt8]) -> [UInt8] { KeytabContents.integer(bytes.count, 2) + bytes }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return KeytabContents.integer(parts.count, 2) + counted(Array(realm.utf8))
      + parts.flatMap { counted(Array($0.utf8)) }
      + [0, 0, 0, 1, 0, 0, 0, 0, UInt8(version & 0xff)] + KeytabContents.integer(Int(encryptionType), 2) + counted(key)
      + KeytabContents.integer(Int(version), 4)
  }
}
