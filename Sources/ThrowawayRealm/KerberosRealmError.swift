/// A command of the realm that failed.
public struct KerberosRealmError: Error, Sendable, CustomStringConvertible {
  /// The program and its arguments.
  public let command: [String]

  /// How it ended.
  public let status: String

  /// What it wrote to standard error, or why it could not be run.
  public let diagnostics: String

  public var description: String {
    "\(command.joined(separator: " ")): \(status): \(diagnostics)"
  }
}
