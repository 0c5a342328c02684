import Platform

/// The password file: a line `NAME:HASH` for each user, empty lines, and lines that begin with `#`.
///
/// A name has 1 to 255 octets of UTF-8 without `:` and control characters, and no space at its ends. The hash is in
/// crypt(3)'s scrypt format (`$7$…`). The rest of the file is kept as it is when an entry changes.
public struct PasswordFile: Sendable {
  private struct Line {
    var text: String
    var name: UserName?
  }

  private var lines: [Line] = []
  private(set) var hashes: [UserName: ScryptHash] = [:]

  public init() {}

  /// Reads the contents of a file.
  ///
  /// - Throws: everything that is wrong with it, at once. No message shows a hash.
  public init(octets: [UInt8], sourceName: String) throws(ConfigurationError) {
    try self.init(octets: octets, sourceName: sourceName, maximumUsers: Self.maximumUsers)
  }

  init(octets: [UInt8], sourceName: String, maximumUsers: Int) throws(ConfigurationError) {
    var problems: [ConfigurationProblem] = []
    var numbers: [UserName: Int] = [:]
    // What follows the last line's end is no line.
    var rest = octets.split(separator: 0x0a, omittingEmptySubsequences: false)[...]
    if rest.last?.isEmpty == true { rest.removeLast() }
    for (index, octets) in rest.enumerated() {
      let number = index + 1
      do throws(ValueError) {
        let line = try Self.read(octets)
        self.lines.append(Line(text: line.text, name: line.entry?.name))
        guard let (name, hash) = line.entry else { continue }
        if let first = numbers[name] { throw ValueError("\(name) appears twice; the first is on line \(first)") }
        numbers[name] = number
        self.hashes[name] = hash
      } catch {
        problems.append(
          ConfigurationProblem(
            sourceName: sourceName, line: number, column: 1, message: error.message, sourceLine: nil))
      }
    }
    if self.hashes.count > maximumUsers {
      let message = "it has \(self.hashes.count) users; at most \(maximumUsers) are taken"
      problems.append(
        ConfigurationProblem(sourceName: sourceName, line: nil, column: nil, message: message, sourceLine: nil))
    }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
  }

  /// Users, in the order of the file.
  public var names: [UserName] { self.lines.compactMap(\.name) }

  /// Enters a user's password, in place of the one before it. Takes as long as a check of it does.
  ///
  /// - Parameter password: 1 to 255 octets, no NUL among them.
  public mutating func set(_ name: UserName, password: [UInt8]) throws(ValueError) {
    let hash: ScryptHash
    do throws(ScryptHashError) {
      hash = try ScryptHash(of: password)
    } catch {
      throw ValueError(
        error == .unusablePassword
          ? "a password has 1 to 255 bytes, none of them NUL" : "there is no memory to hash the password in")
    }
    let line = Line(text: "\(String(decoding: name.octets, as: UTF8.self)):\(hash.text)", name: name)
    if let index = self.lines.firstIndex(where: { $0.name == name }) {
      self.lines[index] = line
    } else {
      self.lines.append(line)
    }
    self.hashes[name] = hash
  }

  /// Takes a user out.
  ///
  /// - Returns: false when there was none.
  public mutating func remove(_ name: UserName) -> Bool {
    self.lines.removeAll { $0.name == name }
    return self.hashes.removeValue(forKey: name) != nil
  }

  /// What to write back.
  public var octets: [UInt8] { self.lines.flatMap { Array($0.text.utf8) + [0x0a] } }

  /// A name that a line can begin with.
  public static func name(_ text: String) throws(ValueError) -> UserName {
    guard let name = UserName(Array(text.utf8)), let first = text.unicodeScalars.first,
      let last = text.unicodeScalars.last, first != "#",
      !text.unicodeScalars.contains(where: { $0 == ":" || $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }),
      !first.properties.isWhitespace, !last.properties.isWhitespace
    else {
      throw ValueError(
        "expected a name of 1 to 255 bytes, without a colon and control characters, not beginning with # and with no "
          + "space at its ends, not \(quoted(text))")
    }
    return name
  }

  private static func read(
    _ octets: ArraySlice<UInt8>
  ) throws(ValueError) -> (text: String, entry: (name: UserName, hash: ScryptHash)?) {
    guard let text = String(validating: octets, as: UTF8.self) else { throw ValueError("the line is not UTF-8") }
    var line = text.unicodeScalars[...]
    while let last = line.last, last == " " || last == "\t" || last == "\r" { line.removeLast() }
    if line.isEmpty || line.first == "#" { return (text, nil) }
    guard let colon = line.firstIndex(of: ":") else {
      throw ValueError("expected NAME:HASH, a comment behind #, or nothing")
    }
    let name = try Self.name(String(line[..<colon]))
    do throws(ScryptHashError) {
      return (text, (name, try ScryptHash(parsing: String(line[line.index(after: colon)...]))))
    } catch {
      switch error {
      case .unacceptableCost:
        throw ValueError("the hash of \(name) is too cheap, or its check costs more than 64 MiB or half a second")
      case .otherFormat, .unusablePassword, .libraryFailed:
        throw ValueError(
          "the hash of \(name) is not in the scrypt format ($7$…) that garterd passwd and mkpasswd -m scrypt write")
      }
    }
  }

  public static let maximumOctets = 16 << 20
  public static let maximumUsers = 100_000
}

extension PasswordFile {
  /// Reads a file for nothing but what is wrong with it, and the number of its users.
  public static func countUsers(path: String) throws(ConfigurationError) -> Int {
    try self.load(path: path).file.hashes.count
  }

  /// Reads a file, and tells which version of it that was.
  ///
  /// - Throws: also when others may read it.
  static func load(path: String) throws(ConfigurationError) -> (file: PasswordFile, version: SecretFile.Version) {
    let read: SecretFile.Contents
    do throws(FileReadError) {
      read = try self.read(path: path)
    } catch {
      throw error.problem
    }
    return (try Self(octets: read.contents, sourceName: path), read.version)
  }

  static func read(path: String) throws(FileReadError) -> SecretFile.Contents {
    try SecretFile.read(path: path, limit: Self.maximumOctets)
  }
}

extension FileReadError {
  /// The same as a problem of the password file.
  var problem: ConfigurationError {
    ConfigurationError(problems: [
      ConfigurationProblem(
        sourceName: self.path, line: nil, column: nil, message: "cannot be read: \(self.reason) (\(self.advice))",
        sourceLine: nil)
    ])
  }
}
