import Subprocess

/// A shell script run to its end: the shell makes the redirections that a test is about.
struct Script: Sendable {
  /// The most of its output that is kept.
  static let outputLimit = 8 << 20

  struct Ending: Sendable, CustomStringConvertible {
    let status: TerminationStatus
    let output: [UInt8]
    let diagnostics: String

    var text: String { String(decoding: self.output, as: UTF8.self) }

    /// Lines of standard error.
    var complaints: [Substring] { self.diagnostics.split(separator: "\n") }

    var description: String { "\(self.status): \(self.text.prefix(2_000)) \(self.diagnostics.suffix(4_000))" }
  }

  let text: String
  /// `$1` and so on.
  var arguments: [String] = []
  /// What differs from this process's environment.
  var environment: [String: String?] = [:]
  /// Killed after that.
  var seconds = 60

  func run() async throws -> Ending {
    let command = [
      "--signal=KILL", "\(self.seconds)", "setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", self.text, "sh",
    ]
    var updates: [Environment.Key: String?] = [:]
    for (name, value) in self.environment {
      if let key = Environment.Key(rawValue: name) { updates[key] = value }
    }
    let ended = try await Subprocess.run(
      .name("timeout"), arguments: Arguments(command + self.arguments),
      environment: Environment.inherit.updating(updates), input: .none, output: .bytes(limit: Self.outputLimit),
      error: .string(limit: Self.outputLimit))
    return Ending(status: ended.terminationStatus, output: ended.standardOutput, diagnostics: ended.standardError)
  }

  /// Runs it, and throws unless it ends with status 0.
  @discardableResult
  func succeed() async throws -> Ending {
    let ending = try await self.run()
    guard ending.status.isSuccess else { throw ScriptError(script: self.text, ending: ending) }
    return ending
  }
}

struct ScriptError: Error, CustomStringConvertible {
  let script: String
  let ending: Script.Ending

  var description: String { "\(self.script): \(self.ending)" }
}
