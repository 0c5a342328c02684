import ArgumentParser
import Platform

/// How a service logs.
struct LogOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Log format on standard error: 'text' or 'json' (one object per line).", valueName: "format"),
    transform: { text in
      guard let format = LogFormat(rawValue: text) else { throw ValidationError("--log-format is 'text' or 'json'") }
      return format
    })
  var logFormat: LogFormat = .text

  /// Sets the log up, before anything is said.
  func configure() -> LogWriter {
    let log = LogWriter.standardError
    log.configure(label: "garter", format: self.logFormat)
    return log
  }
}
