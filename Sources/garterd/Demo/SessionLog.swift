import Logging
import SOCKSCore
import Synchronization

/// Takes the gateway's log in the demo, and keeps the records of ended sessions.
struct SessionLog: LogHandler {
  /// How long the end of a session is waited for.
  private static let patience: Duration = .seconds(10)

  private let records: AsyncStream<Logger.Metadata>
  private let continuation: AsyncStream<Logger.Metadata>.Continuation
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info

  init() { (self.records, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(16)) }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    if event.message == "session ended", let metadata = event.metadata { self.continuation.yield(metadata) }
  }

  /// The record of the next session that ends.
  func next() async throws -> Logger.Metadata {
    try await withThrowingTaskGroup(of: Logger.Metadata?.self) { tasks in
      let records = self.records
      tasks.addTask {
        for await record in records { return record }
        return nil
      }
      tasks.addTask {
        try await Task.sleep(for: Self.patience)
        return nil
      }
      defer { tasks.cancelAll() }
      guard case .some(.some(let record)) = try await tasks.next() else {
        throw SOCKSError(.timedOut, "the gateway did not say that the session ended")
      }
      return record
    }
  }
}
