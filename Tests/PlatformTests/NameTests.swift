import Testing

@testable import Platform

@Suite struct NameTests {
  @Test(
    arguments: [
      ("bücher.test", "xn--bcher-kva.test"), ("BÜCHER.Test", "xn--bcher-kva.test"),
      ("bücher.test.", "xn--bcher-kva.test."),
      ("straße.test", "xn--strae-oqa.test"), ("１２７.０.０.１", "127.0.0.1"), ("127。0。0。1", "127.0.0.1"),
      ("［::１］", "[::1]"), ("_sip._tcp.bücher.test", "_sip._tcp.xn--bcher-kva.test"), ("ﬁ.test", "fi.test"),
    ])
  func namesGetTheirASCIIForm(name: String, ascii: String) throws {
    #expect(try InternationalName.ascii(name) == ascii)
  }

  @Test(arguments: ["☃.test", "\u{301}a.test", "-ü.test", "ü\0.test", "אa.test", String(repeating: "ü", count: 1_000)])
  func someNamesHaveNone(name: String) {
    #expect(throws: InternationalName.Failure.self) { try InternationalName.ascii(name) }
  }

  private static let hosts = """
    # 10.0.0.1 commented
    127.0.0.1\tlocalhost  db # 10.0.0.2 behind
    10.0.0.3 WIKI.intern.test wiki.\r
    ::1 localhost
    10.0.0.4 db2 db
    10.0.0.3 db
    fe80::1%lo zone
    nonsense word
    10.0.0.5
    ::ffff:10.0.0.6 mapped
    10.0.0.7 last
    """

  private static func found(_ name: String, limit: Int = 16, pieces: Int = 1_000) -> [[UInt8]] {
    var search = HostsFileSearch(name: name, limit: limit)
    var rest = Array(hosts.utf8)[...]
    while !rest.isEmpty {
      search.add(rest.prefix(pieces))
      rest = rest.dropFirst(pieces)
    }
    search.end()
    return search.addresses
  }

  @Test(arguments: [1, 2, 7, 1_000])
  func linesOfAHostsFile(pieces: Int) {
    let db: [[UInt8]] = [[127, 0, 0, 1], [10, 0, 0, 4], [10, 0, 0, 3]]
    #expect(Self.found("db", pieces: pieces) == db && Self.found("DB.", pieces: pieces) == db)
    #expect(Self.found("db", limit: 2, pieces: pieces) == Array(db.prefix(2)))
    #expect(Self.found("localhost", pieces: pieces).map(\.count) == [4, 16])
    #expect(Self.found("wiki.intern.test", pieces: pieces) == [[10, 0, 0, 3]])
    #expect(Self.found("wiki", pieces: pieces) == [[10, 0, 0, 3]])
    #expect(Self.found("mapped", pieces: pieces).map(\.count) == [16])
    #expect(Self.found("last", pieces: pieces) == [[10, 0, 0, 7]])
    for absent in ["commented", "behind", "zone", "word", "10.0.0.5", "intern.test", "", "loc"] {
      #expect(Self.found(absent, pieces: pieces).isEmpty, "\(absent)")
    }
  }

  @Test func aLineThatIsTooLongIsPassedOver() {
    var search = HostsFileSearch(name: "a", limit: 16)
    search.add(Array("10.0.0.1 ".utf8)[...])
    for _ in 0..<3 { search.add(Array(repeating: UInt8(ascii: "b"), count: 30_000)[...]) }
    search.add(Array(" a\n10.0.0.2 a\n".utf8)[...])
    #expect(search.addresses == [[10, 0, 0, 2]])
  }

  @Test func aMissingFileKnowsNobody() throws {
    #expect(try HostsFile.addresses(of: "localhost", limit: 16, path: "/nonexistent/hosts").isEmpty)
    #expect(throws: SystemError.self) { try HostsFile.addresses(of: "localhost", limit: 16, path: "/") }
  }
}
