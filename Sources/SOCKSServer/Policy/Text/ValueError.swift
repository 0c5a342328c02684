/// Why a written value (an address, a pattern, a duration) was refused: what was expected, in the words of a person who
/// edits a configuration.
public struct ValueError: Error, Hashable, Sendable, CustomStringConvertible {
  public let message: String

  public init(_ message: String) {
    self.message = message
  }

  public var description: String { message }
}
