public import Logging

/// Makes lines of what is logged, and gives them to a ``LogWriter``. Does not block.
public struct QueuedLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  public var logLevel: Logger.Level = .info
  private let label: String
  private let writer: LogWriter

  public init(label: String, writer: LogWriter) {
    self.label = label
    self.writer = writer
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var metadata = self.metadata
    if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
    if let own = event.metadata { metadata.merge(own) { $1 } }
    if let error = event.error { metadata["error"] = metadata["error"] ?? "\(error)" }
    var priority: LogPriority = event.level >= .error ? .reserved : .ordinary
    for value in metadata.values {
      if let marked = value.priority, marked == .reserved { priority = marked }
    }
    let entry = LogEntry(
      level: event.level, label: self.label, message: event.message.description, metadata: metadata)
    self.writer.enqueue(entry.line(in: self.writer.format), priority)
  }
}
