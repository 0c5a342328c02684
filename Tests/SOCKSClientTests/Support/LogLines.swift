import Logging
import Synchronization

/// What is logged, from any thread.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { self.lines.withLock { $0 } }

  var logger: Logger { Logger(label: "test", factory: { _ in Handler(lines: self) }) }

  private struct Handler: LogHandler {
    let lines: LogLines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { self.metadata[key] }
      set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      self.lines.lines.withLock { $0.append("\(event.message)") }
    }
  }
}
