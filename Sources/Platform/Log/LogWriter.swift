public import Logging

/// Writes the lines of a log from a thread of its own: callers never wait for the log's reader.
///
/// The queue is bounded. A line without a place in it is lost and counted; when the reader goes on, a line `log lines lost`
/// says how many, where they are missing.
public final class LogWriter: Sendable {
  /// The most that is written at a time: not more than a pipe takes at once or not at all (PIPE_BUF), so that the lines of
  /// several programs on one pipe stay whole.
  static let batchLimit = 4_096
  /// How long the end of the program waits for the lines that are left.
  public static let flushLimit: Duration = .seconds(1)
  /// What a reader that has taken nothing for ``flushLimit`` still gets then.
  static let stalledFlushLimit: Duration = .milliseconds(100)

  private struct State {
    var queue: LogQueue
    var label: String
    var format: LogFormat
    var hasThread = false
    /// When the write under way began.
    var writingSince: ContinuousClock.Instant?
  }

  /// What the programs log to.
  public static let standardError = LogWriter(descriptor: StandardStream.errorOutput.rawValue)

  private let sink: LogSink
  private let state: Monitor<State>

  convenience init(descriptor: Int32) { self.init(descriptor: descriptor, limits: LogQueue.Limits()) }

  /// Its thread begins with the first line.
  init(descriptor: Int32, limits: LogQueue.Limits) {
    self.sink = LogSink(descriptor: descriptor)
    self.state = Monitor(State(queue: LogQueue(limits: limits), label: "log", format: .text))
  }

  /// What lines look like from now on, and the label of those that are no logger's.
  public func configure(label: String, format: LogFormat) {
    self.state.withLock {
      $0.label = label
      $0.format = format
    }
  }

  /// The format now.
  public var format: LogFormat { self.state.withLock { $0.format } }

  /// A logger that logs here.
  public func makeLogger(label: String, level: Logger.Level) -> Logger {
    var logger = Logger(label: label, factory: { QueuedLogHandler(label: $0, writer: self) })
    logger.logLevel = level
    return logger
  }

  /// Writes what a program has to say to its user, beside its log: `LABEL: text` in a log of text, an entry in one of JSON.
  /// The text may have several lines, and is written as it is: what came from outside must have been escaped.
  public func say(_ text: String, level: Logger.Level = .notice, withLabel: Bool = true) {
    let (label, format) = self.state.withLock { ($0.label, $0.format) }
    switch format {
    case .text: self.enqueue(Array("\(withLabel ? "\(label): " : "")\(text)\n".utf8), .reserved)
    case .json: self.enqueue(LogEntry(level: level, label: label, message: text).line(in: .json), .reserved)
    }
  }

  /// Waits until everything is written, but no longer than the limit, and hardly at all for a reader that has long stopped.
  ///
  /// - Returns: whether everything was written.
  @discardableResult
  public func flush(within limit: Duration = LogWriter.flushLimit) -> Bool {
    let began = ContinuousClock.now
    return self.state.waitFor(polling: .milliseconds(20)) { state in
      guard let writingSince = state.writingSince ?? (state.queue.isEmpty ? nil : began) else { return true }
      let now = ContinuousClock.now
      let isStalled = now - writingSince >= Self.flushLimit && now - began >= Self.stalledFlushLimit
      return isStalled || now - began >= limit ? false : nil
    }
  }

  /// Lines that wait to be written, without those that the thread has taken.
  var waiting: Int { self.state.withLock { $0.queue.count } }

  /// What was lost and has not been said yet.
  var lost: LogQueue.Lost { self.state.withLock { $0.queue.lost } }

  /// Takes a whole line up. Never waits for its being written.
  func enqueue(_ line: [UInt8], _ priority: LogPriority) {
    let isIdle = self.state.withLock { state in
      state.queue.append(line, priority)
      if !state.hasThread { state.hasThread = self.startThread() }
      return state.writingSince == nil
    }
    if isIdle { self.state.wakeAll() }
  }

  /// Where the system refuses a thread, the lines wait in the queue, and the next line asks again.
  private func startThread() -> Bool {
    do throws(SystemError) {
      try SystemThread.start { self.writeForever() }
      return true
    } catch {
      return false
    }
  }

  private func writeForever() {
    while true {
      let (batch, label, format) = self.state.waitFor { state -> (LogQueue.Batch, String, LogFormat)? in
        guard !state.queue.isEmpty else { return nil }
        state.writingSince = .now
        return (state.queue.takeBatch(limit: Self.batchLimit), state.label, state.format)
      }
      self.sink.write(batch.bytes)
      if !batch.lost.isEmpty { self.sink.write(LogEntry(lost: batch.lost, label: label).line(in: format)) }
      self.state.withLock { $0.writingSince = nil }
      self.state.wakeAll()
    }
  }
}
