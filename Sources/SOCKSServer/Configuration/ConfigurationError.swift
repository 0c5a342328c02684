/// One thing that is wrong, or worth a warning, in a configuration.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
  /// The file's name, or what it was called by.
  public let sourceName: String
  /// Counts from 1. `nil` when no place in the text is meant.
  public let line: Int?
  /// Counts characters from 1.
  public let column: Int?
  /// What is wrong and what was expected.
  public let message: String
  /// The line of the text, when there is one.
  public let sourceLine: String?

  public init(sourceName: String, line: Int?, column: Int?, message: String, sourceLine: String?) {
    self.sourceName = sourceName
    self.line = line
    self.column = column
    self.message = message
    self.sourceLine = sourceLine
  }

  /// `FILE:LINE:COLUMN: message`, below it the line of the file, and below that a caret under the place.
  public var description: String {
    guard let line, let column else { return "\(sourceName): \(message)" }
    let head = "\(sourceName):\(line):\(column): \(message)"
    guard let sourceLine else { return head }
    return "\(head)\n\(Self.excerpt(of: sourceLine, column: column))"
  }

  /// The part of a line around a column, at most 100 characters wide, and a caret under the column.
  private static func excerpt(of line: String, column: Int) -> String {
    let scalars = line.unicodeScalars.map { scalar -> Character in
      scalar == "\t" ? " " : scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : Character(scalar)
    }
    let skipped = column > 80 ? column - 60 : 0
    let shown = scalars.dropFirst(skipped).prefix(100)
    let caret = String(repeating: " ", count: max(0, column - 1 - skipped))
    return "  \(String(shown))\n  \(caret)^"
  }
}

/// All that is wrong with a configuration. Nothing of it has been applied.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// In the order of the text; never empty.
  public let problems: [ConfigurationProblem]

  public init(problems: [ConfigurationProblem]) {
    self.problems = problems
  }

  /// Every problem with its place, at most ``maximumShown`` of them.
  public var description: String {
    let shown = problems.prefix(Self.maximumShown).map(\.description)
    let more = problems.count - shown.count
    return (shown + (more > 0 ? ["… and \(more) more"] : [])).joined(separator: "\n")
  }

  public static let maximumShown = 50
}
