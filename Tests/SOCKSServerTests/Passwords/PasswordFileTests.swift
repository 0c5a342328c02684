import Platform
import Testing

@testable import SOCKSServer

/// What a password file may say, and what becomes of the rest of it.
@Suite struct PasswordFileTests {
  static let hash = "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"

  static func read(_ text: String) throws -> PasswordFile {
    try PasswordFile(octets: Array(text.utf8), sourceName: "passwords")
  }

  static func problems(_ text: String) -> [String] {
    do {
      _ = try Self.read(text)
      return []
    } catch let error as ConfigurationError {
      return error.problems.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func readsUsersAndLeavesTheRest() throws {
    let text = "# users\n\nalice:\(Self.hash)\n  \nbob smith:\(Self.hash)\r\n#carol:x\na@EXAMPLE.COM:\(Self.hash)"
    let file = try Self.read(text)
    #expect(file.names.map(\.description) == ["alice", "bob smith", "a\\@EXAMPLE.COM"])
    #expect(file.octets == Array((text + "\n").utf8))
    #expect(try Self.read("").names.isEmpty)
    #expect(try Self.read("\n\n").octets == [0x0a, 0x0a])
  }

  @Test func everyMistakeHasItsLine() {
    let text = "alice:\(Self.hash)\nbob\n:\(Self.hash)\nalice:\(Self.hash)\ncarol:$1$x$y\n dave:\(Self.hash)\nerin:$7$"
    let problems = Self.problems(text)
    #expect(
      problems.map { $0.prefix { $0 != " " } }
        == ["passwords:2:1:", "passwords:3:1:", "passwords:4:1:", "passwords:5:1:", "passwords:6:1:", "passwords:7:1:"])
    #expect(problems[0] == "passwords:2:1: expected NAME:HASH, a comment behind #, or nothing")
    #expect(problems[2] == "passwords:4:1: alice appears twice; the first is on line 1")
    #expect(problems[3].contains("carol") && problems[3].contains("garterd passwd"))
  }

  @Test func noMistakeShowsAHash() {
    for line in ["a\u{1b}b:\(Self.hash)", "alice:\(Self.hash)x", "alice \(Self.hash)", "alice:\(Self.hash.dropLast())"]
    {
      let problems = Self.problems(line)
      #expect(problems.count == 1)
      #expect(!problems.contains { $0.contains("kBGj9") || $0.contains("Sodium") }, "\(problems)")
    }
  }

  @Test func otherOctetsThanUTF8AreRefused() {
    #expect(throws: ConfigurationError.self) {
      try PasswordFile(octets: [0xff, 0x3a] + Array(Self.hash.utf8), sourceName: "passwords")
    }
  }

  @Test func aCostlyHashIsRefused() {
    // N = 2^20, r = 8: a gibibyte.
    #expect(Self.problems("alice:" + Self.hash.replacing("$C6", with: "$I6")).first?.contains("64 MiB") == true)
  }

  @Test func usersAreLimited() throws {
    #expect(PasswordFile.maximumUsers == 100_000)
    let text = (0..<4).map { "\($0):\(Self.hash)\n" }.joined()
    let octets = Array(text.utf8)
    #expect(try PasswordFile(octets: octets, sourceName: "passwords", maximumUsers: 4).names.count == 4)
    let error = #expect(throws: ConfigurationError.self) {
      try PasswordFile(octets: octets, sourceName: "passwords", maximumUsers: 3)
    }
    #expect(error?.problems.map(\.message) == ["it has 4 users; at most 3 are taken"])
  }

  /// The file is not read to its end.
  @Test func theFilesLengthIsLimited() async throws {
    try await PasswordFolder.lend { folder in
      try folder.write(String(repeating: "#", count: PasswordFile.maximumOctets + 1))
      let error = #expect(throws: ConfigurationError.self) { try PasswordFile.load(path: folder.file) }
      #expect(error?.problems.map(\.message).first?.contains("longer than \(PasswordFile.maximumOctets)") == true)
    }
  }

  @Test(arguments: ["", " a", "a ", "a:b", "#a", "a\nb", "a\u{7f}", "a\u{85}b", String(repeating: "a", count: 256)])
  func namesThatALineCannotHoldAreRefused(name: String) {
    #expect(throws: ValueError.self) { try PasswordFile.name(name) }
  }

  @Test func aChangeKeepsCommentsAndOrder() throws {
    var file = try Self.read("# first\nalice:\(Self.hash)\n# second\nbob:\(Self.hash)\n")
    try file.set(PasswordFile.name("alice"), password: Array("new".utf8))
    try file.set(PasswordFile.name("carol"), password: Array("third".utf8))
    let lines = String(decoding: file.octets, as: UTF8.self).split(separator: "\n")
    #expect(lines.map { $0.prefix { $0 != ":" } } == ["# first", "alice", "# second", "bob", "carol"])
    let again = try PasswordFile(octets: file.octets, sourceName: "passwords")
    #expect(again.hashes[try PasswordFile.name("alice")]?.matches(Array("new".utf8)) == true)
    #expect(again.hashes[try PasswordFile.name("bob")]?.text == Self.hash)
    #expect(file.remove(try PasswordFile.name("alice")))
    #expect(!file.remove(try PasswordFile.name("alice")))
    #expect(file.names.map(\.description) == ["bob", "carol"])
    #expect(throws: ValueError.self) { try file.set(PasswordFile.name("dave"), password: []) }
  }
}
