/// A signal by which a program is asked to end, or is told that its terminal has gone.
public enum ProgramSignal: Int32, Hashable, Sendable, CaseIterable {
  /// SIGHUP.
  case hangUp = 1
  /// SIGINT.
  case interrupt = 2
  /// SIGTERM.
  case terminate = 15
}
