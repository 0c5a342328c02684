import FoundationEssentials
import Platform

/// Where the programs under test and the peers are.
enum Programs {
  /// `garterd` of the release build.
  static func garterd() throws -> String { try binary("garterd") }

  /// `garter` of the release build.
  static func garter() throws -> String { try binary("garter") }

  /// What makes and opens tokens in both, where it is not to be the fastest (`GARTER_TEST_ENGINE`): `system` or `portable`.
  static var engine: String? { Environment.get("GARTER_TEST_ENGINE") }

  /// The options of `garter` for that.
  static var engineOptions: [String] { self.engine.map { ["--engine", $0] } ?? [] }

  /// A Python program of `Peers`, as a command. Debian's interpreter: it is the one that finds python3-gssapi.
  static func peer(_ name: String) -> [String] { ["/usr/bin/python3", "\(folder)/Peers/\(name)"] }

  /// `Tests/InteropTests`.
  static var folder: String { parent(of: parent(of: #filePath)) }

  /// The package's folder.
  static var root: String { parent(of: parent(of: folder)) }

  private static func binary(_ name: String) throws -> String {
    let builds = Environment.get("GARTER_BIN_DIR") ?? "\(root)/.build/release"
    let path = "\(builds)/\(name)"
    guard FileManager.default.isExecutableFile(atPath: path) else { throw MissingProgramError(path: path, name: name) }
    return path
  }

  private static func parent(of path: String) -> String {
    String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
  }
}

/// A program has not been built.
struct MissingProgramError: Error, CustomStringConvertible {
  let path: String
  let name: String

  var description: String {
    "there is no \(path): build it with `swift build -c release --product \(name)`, or set GARTER_BIN_DIR"
  }
}
