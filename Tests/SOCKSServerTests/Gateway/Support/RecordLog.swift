import Logging
import Synchronization

/// Keeps what a gateway logs.
struct RecordLog: LogHandler, Sendable {
  struct Line: Sendable {
    var level: Logger.Level
    var message: String
    var fields: [String: String]

    subscript(key: String) -> String? { self.fields[key] }
  }

  private final class Store: Sendable {
    let lines = Mutex<[Line]>([])
  }

  private let store = Store()
  private let records: AsyncStream<Line>
  private let continuation: AsyncStream<Line>.Continuation
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .trace

  init() { (self.records, self.continuation) = AsyncStream.makeStream() }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = (event.metadata ?? [:]).mapValues { "\($0)" }
    let line = Line(level: event.level, message: event.message.description, fields: fields)
    self.store.lines.withLock { $0.append(line) }
    if line.message == "session ended" { self.continuation.yield(line) }
  }

  /// Everything that was logged.
  var lines: [Line] { self.store.lines.withLock { $0 } }

  /// Records of sessions that have ended.
  var ended: [Line] { self.lines.filter { $0.message == "session ended" } }

  /// The record of the next session that ends.
  func next() async throws -> Line {
    for await record in self.records { return record }
    throw CancellationError()
  }
}
