internal import Subprocess

/// A program run to its end.
struct Command: Sendable {
  /// The most of its output that is kept.
  static let outputLimit = 256 * 1024

  /// The administrator's programs, which a user's PATH often leaves out, are found as well.
  ///
  /// The shell takes all input before the program starts: a program that ends without reading its input would
  /// otherwise break the pipe that this process writes to, and the signal for that would end this process.
  private static let script = """
    PATH="$PATH:/usr/sbin:/sbin"
    input=$(cat)
    printf '%s\\n' "$input" | "$@"
    """

  let arguments: [String]
  /// What it reads from standard input; ended by one line break.
  var input = ""
  var environment: [String: String] = [:]

  /// Runs it; throws unless it ends with status 0.
  ///
  /// - Returns: what it wrote to standard output.
  @discardableResult
  func run() async throws(KerberosRealmError) -> String {
    let result: (status: TerminationStatus, output: String, diagnostics: String)
    do {
      let ended = try await Subprocess.run(
        .name("sh"), arguments: Arguments(["-c", Self.script, "sh"] + arguments), environment: children,
        input: .string(input), output: .string(limit: Self.outputLimit), error: .string(limit: Self.outputLimit))
      result = (ended.terminationStatus, ended.standardOutput, ended.standardError)
    } catch {
      throw KerberosRealmError(command: arguments, status: "did not run", diagnostics: "\(error)")
    }
    guard result.status.isSuccess else {
      throw KerberosRealmError(command: arguments, status: "\(result.status)", diagnostics: result.diagnostics)
    }
    return result.output
  }

  var children: Environment {
    var updates: [Environment.Key: String?] = [:]
    for (name, value) in environment {
      if let key = Environment.Key(rawValue: name) { updates[key] = value }
    }
    return Environment.inherit.updating(updates)
  }
}
