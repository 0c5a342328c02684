import Platform

/// How both programs start and end.
public enum ProgramMain {
  /// Prepares the process (standard streams, signals, the log) before anything can go wrong in it, runs the program, and ends
  /// the process: with status 0, or as `failed` does.
  ///
  /// - Parameters:
  ///   - label: the program's name, for its log.
  ///   - body: parses the arguments and runs the command.
  ///   - failed: says what went wrong, and exits with the error's status.
  public static func run(
    label: String, _ body: @Sendable () async throws -> Void, failed: @Sendable (any Error) -> Never
  ) async -> Never {
    StandardStream.occupyMissing()
    ProgramSignals.hold()
    LogWriter.standardError.configure(label: label, format: .text)
    // A reader that goes away is an error to report, not a reason to be killed.
    ignoreBrokenPipes()
    do {
      try await body()
    } catch {
      // What is written now may wait for its reader: the user can end that.
      ProgramSignals.useDefaults()
      LogWriter.standardError.flush()
      failed(error)
    }
    endProcess(status: 0)
  }
}
