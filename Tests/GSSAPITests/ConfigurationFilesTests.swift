import FoundationEssentials
import Testing

@testable import GSSAPI

/// Whether a change of the library's configuration files is noticed.
@Suite struct ConfigurationFilesTests {
  @Test func includedFilesAreFound() {
    let text = """
      [libdefaults]
        include /not/at/the/beginning
      include /a
      includedir\t/b c/d \t
      included /no
      include
      includedirectory /no
      module /no:x
      include   /e\r
      """
    #expect(ConfigurationFiles.included(in: Array(text.utf8)) == ["/a", "/b c/d", "/e"])
    #expect(ConfigurationFiles.included(in: [UInt8](repeating: 0xff, count: 100)).isEmpty)
    #expect(ConfigurationFiles.included(in: Array("include /a\0b\n".utf8)).isEmpty)
  }

  @Test func everyChangeIsNoticed() throws {
    let folder = FileManager.default.temporaryDirectory.path() + "/garter-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: "\(folder)/d", withIntermediateDirectories: true)
    func write(_ text: String, to name: String) throws {
      try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
    }
    func now() -> ConfigurationFiles { ConfigurationFiles(paths: ["\(folder)/top"]) }
    try write("include \(folder)/one\nincludedir \(folder)/d\n", to: "top")
    try write("1", to: "one")
    try write("1", to: "d/a.conf")
    var seen = now()
    #expect(seen == now() && seen.unreadable.isEmpty)
    for change in [
      { try write("2", to: "one") }, { try write("2", to: "d/a.conf") }, { try write("", to: "d/b.conf") },
      { try FileManager.default.removeItem(atPath: "\(folder)/d/b.conf") },
      { try write("include \(folder)/top\n", to: "one") },
      { try FileManager.default.removeItem(atPath: "\(folder)/one") },
    ] {
      try change()
      #expect(now() != seen)
      seen = now()
    }
    #expect(seen.unreadable == ["\(folder)/one: No such file or directory"])
  }

  /// Where an included file has the error, that one is named, and nothing that the library does not read.
  @Test func theFileWithTheErrorIsNamed() throws {
    let folder = FileManager.default.temporaryDirectory.path() + "/garter-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: "\(folder)/d", withIntermediateDirectories: true)
    func write(_ text: String, to name: String) throws {
      try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
    }
    let good = "[libdefaults]\n  default_realm = R\n"
    func faults() -> [String] { ConfigurationFiles(paths: ["\(folder)/top"]).faults }
    try write("includedir \(folder)/d\n" + good, to: "top")
    try write(good, to: "d/a.conf")
    try write("[realms", to: "d/old.conf.dpkg-dist")
    #expect(faults() == [])
    try write("[realms\n", to: "d/b")
    #expect(faults().count == 1 && faults().first?.hasPrefix("\(folder)/d/b: ") == true, "\(faults())")
    try FileManager.default.removeItem(atPath: "\(folder)/d/b")
    try write("[libdefaults\n", to: "top")
    #expect(faults().count == 1 && faults().first?.hasPrefix("\(folder)/top: ") == true, "\(faults())")
  }

  /// A file that includes itself, and a folder with a pipe in it, come to an end.
  @Test func readingComesToAnEnd() throws {
    #expect(ConfigurationFiles(paths: ["/dev/zero", "/dev/tty"]).unreadable.count < 1_000)
  }

  @Test func keytabNamesAreTakenApart() {
    for (name, path) in [
      ("/a/b", "/a/b"), ("FILE:/a", "/a"), ("WRFILE:/a:b", "/a:b"), ("/a:b/c", "/a:b/c"), ("MEMORY:x", nil),
      ("KEYRING:a/b", nil), ("relative", "relative"), ("/a\0b", nil),
    ] { #expect(KeytabFile.path(of: name) == path, "\(name)") }
  }
}
