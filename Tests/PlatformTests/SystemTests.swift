import Testing

@testable import Platform

@Suite struct SystemTests {
  @Test func theProcessKnowsItsUser() throws {
    let status = try String(decoding: FileContents.read(path: "/proc/self/status", limit: 65_536), as: UTF8.self)
    let users = try #require(status.split(separator: "\n").first { $0.hasPrefix("Uid:") })
    #expect(users.split(separator: "\t").dropFirst(2).first.flatMap { UserID($0) } == currentUserID())
  }

  @Test func theHostHasAName() throws {
    let name = try String(
      decoding: FileContents.read(path: "/proc/sys/kernel/hostname", limit: 4096).prefix { $0 != 0x0A }, as: UTF8.self)
    #expect(hostName == name)
  }

  @Test func environmentKeepsWhatIsSet() throws {
    try Environment.set("GARTER_PLATFORM_TEST", to: "a=b ü")
    #expect(Environment.get("GARTER_PLATFORM_TEST") == "a=b ü")
    #expect(Environment.get("GARTER_PLATFORM_TEST_NOT_SET") == nil)
    #expect(throws: SystemError.self) { try Environment.set("", to: "x") }
    #expect(throws: SystemError.self) { try Environment.set("A=B", to: "x") }
    #expect(throws: SystemError.self) { try Environment.set("A\0B", to: "x") }
    #expect(throws: SystemError.self) { try Environment.set("GARTER_PLATFORM_TEST", to: "x\0y") }
    #expect(Environment.get("GARTER_PLATFORM_TEST\0") == nil)
  }

  @Test func descriptorLimitRisesToTheHardOne() throws {
    let (before, after) = try DescriptorLimit.raise()
    #expect(after.soft == before.hard)
    #expect(after.hard == before.hard)
    #expect(try DescriptorLimit.current() == after)
  }

  @Test func brokenPipesAreIgnored() throws {
    ignoreBrokenPipes()
    let status = try String(decoding: FileContents.read(path: "/proc/self/status", limit: 65_536), as: UTF8.self)
    let ignored = try #require(status.split(separator: "\n").first { $0.hasPrefix("SigIgn:\t") })
    let signals = try #require(UInt64(ignored.dropFirst("SigIgn:\t".count), radix: 16))
    // Signal 13 is bit 12.
    #expect(signals & 0x1000 != 0)
  }

  @Test func errorsHaveTheSystemsWords() {
    #expect(SystemError(code: 13).description == "Permission denied")
    #expect(!SystemError(code: 99_999).description.isEmpty)
  }

  @Test func filesAreReadUpToALimit() throws {
    let whole = try FileContents.read(path: "/proc/self/status", limit: 65_536)
    #expect(whole.count > 100)
    let error = #expect(throws: FileReadError.self) { try FileContents.read(path: "/dev/zero", limit: 100_000) }
    #expect(
      error?.description
        == "cannot read /dev/zero: it is longer than 100000 bytes (check that this is the right file)")
    #expect(try FileContents.read(path: "/dev/null", limit: 0) == [])
    #expect(throws: FileReadError.self) { try FileContents.read(path: "/dev/zero", limit: -5) }
  }

  @Test(arguments: [
    ("/no/such/file", "cannot read /no/such/file: No such file or directory (check the path)"),
    ("/proc/self", "cannot read /proc/self: Is a directory (name a file in it)"),
    ("", "cannot read : this cannot be a file's name (give the path of a file)"),
  ])
  func unreadableFilesAreExplained(path: String, message: String) {
    let error = #expect(throws: FileReadError.self) { try FileContents.read(path: path, limit: 100) }
    #expect(error?.description == message)
  }

  @Test func aFileNameWithNULIsRefused() {
    #expect(throws: FileReadError.self) { try FileContents.read(path: "/dev/null\0x", limit: 100) }
  }
}
