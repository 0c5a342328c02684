/// Why a YAML text was refused, and where.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The place of the first octet that cannot be right. Line and column count from 1; columns count characters.
  public let place: YAMLPlace
  /// What is wrong, in the words of a person who edits the file.
  public let message: String

  public init(place: YAMLPlace, message: String) {
    self.place = place
    self.message = message
  }

  public var line: Int { place.line }
  public var column: Int { place.column }

  /// `LINE:COLUMN: message`.
  public var description: String { "\(place): \(message)" }
}

/// A place in a text. Line and column count from 1; columns count Unicode scalars.
public struct YAMLPlace: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let line: Int
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// `LINE:COLUMN`.
  public var description: String { "\(line):\(column)" }

  public static func < (left: YAMLPlace, right: YAMLPlace) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}
