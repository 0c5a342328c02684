import FoundationEssentials
import ThrowawayRealm

/// A folder for the files of one test, inside the realm's: it goes when the realm does.
struct Folder: Sendable {
  let path: String

  static func make() async throws -> Folder {
    let folder = Folder(path: "\(try await InteropRealm.ready().realm.folder)/programs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    return folder
  }

  /// Makes one, lends it, and removes it.
  static func lend<Result>(_ body: (Folder) async throws -> Result) async throws -> Result {
    let folder = try await self.make()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    return try await body(folder)
  }

  func file(_ name: String) -> String { "\(self.path)/\(name)" }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: self.file(name)))
  }

  /// A file of random octets; its SHA-256 in hexadecimal.
  func makeRandom(_ name: String, octets: Int) async throws -> String {
    try await Script(text: #"head -c "$2" /dev/urandom >"$1""#, arguments: [self.file(name), "\(octets)"]).succeed()
    return try await self.sha256(name)
  }

  func sha256(_ name: String) async throws -> String {
    let sum = try await Script(text: #"exec sha256sum <"$1""#, arguments: [self.file(name)]).succeed()
    return String(sum.text.prefix { $0 != " " })
  }
}

/// The octets that the Python origins send; see the peers' README.
enum SeededOctets {
  /// The first `octets` of what an origin sends.
  static func sent(_ octets: Int) async throws -> [UInt8] {
    try await self.python(
      "sys.stdout.buffer.write(SeededStream('down', int(sys.argv[2])).read(int(sys.argv[2])))", octets
    ).output
  }

  /// Their SHA-256 in hexadecimal.
  static func sha256(_ octets: Int) async throws -> String {
    try await self.python("sys.stdout.write(sha256('down', int(sys.argv[2])))", octets).text
  }

  private static func python(_ statement: String, _ octets: Int) async throws -> Script.Ending {
    let program = "import sys; sys.path.insert(0, sys.argv[1]); from rfc1961.seeded import *; \(statement)"
    return try await Script(
      text: #"exec /usr/bin/python3 -c "$@""#, arguments: [program, "\(Programs.folder)/Peers", "\(octets)"]
    ).succeed()
  }
}
