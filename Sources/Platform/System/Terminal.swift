internal import Glibc

/// The three streams that a program is started with.
public enum StandardStream: Int32, Hashable, Sendable, CaseIterable {
  case input = 0
  case output = 1
  case errorOutput = 2

  /// Whether a person sits at the other end.
  public var isTerminal: Bool { isatty(rawValue) == 1 }
}
