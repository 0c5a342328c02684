public import Logging
public import NIOCore
import Synchronization

/// Lines of log that anybody can cause any number of times: at most one a second of a kind, with the number of events that
/// it summarizes (`count`).
///
/// The first event of a kind is logged at once. Those that follow within a second are counted, and the last of them is
/// logged when the second is over. At level debug each of them has a line of its own instead.
public final class RepeatedLines: Sendable {
  private struct State {
    /// Until when a further event waits.
    var end: NIODeadline
    /// The last event that waits, and how many do.
    var waiting: (line: Line, count: Int)?
  }

  private struct Line {
    var level: Logger.Level
    var message: Logger.Message
    var metadata: Logger.Metadata
  }

  public static let interval: TimeAmount = .seconds(1)

  private let logger: Logger
  private let now: @Sendable () -> NIODeadline
  private let schedule: @Sendable (TimeAmount, @escaping @Sendable () -> Void) -> Void
  /// One for each kind; kinds are words of the program's, so that there are few.
  private let states = Mutex<[String: State]>([:])

  /// - Parameters:
  ///   - now: the clock of the seconds.
  ///   - schedule: calls something later, on any thread.
  public init(
    logger: Logger, now: @escaping @Sendable () -> NIODeadline,
    schedule: @escaping @Sendable (TimeAmount, @escaping @Sendable () -> Void) -> Void
  ) {
    self.logger = logger
    self.now = now
    self.schedule = schedule
  }

  /// Lines that wait on an event loop of a group.
  public convenience init(
    logger: Logger, group: any EventLoopGroup, now: @escaping @Sendable () -> NIODeadline = { .now() }
  ) {
    self.init(logger: logger, now: now) { delay, body in group.any().scheduleTask(in: delay, body) }
  }

  /// An event has happened.
  ///
  /// - Parameter kind: a word of the program's, never of a peer's.
  public func log(
    _ kind: String, level: Logger.Level, _ message: Logger.Message, metadata: @autoclosure () -> Logger.Metadata
  ) {
    guard self.logger.logLevel <= level else { return }
    let line = Line(level: level, message: message, metadata: metadata())
    switch self.state(of: kind, after: line) {
    case .write(let count): self.write(line, count: count)
    case .debug: self.logger.debug(message, metadata: line.metadata)
    case .isWaiting: break
    case .beginsWaiting: self.schedule(Self.interval) { self.flush(kind) }
    }
  }

  private enum Step {
    case write(count: Int)
    case debug
    case isWaiting
    case beginsWaiting
  }

  private func state(of kind: String, after line: Line) -> Step {
    let now = self.now()
    return self.states.withLock { states in
      guard var state = states[kind], now < state.end else {
        // What has waited for a task that is late counts with this one.
        let waiting = states[kind]?.waiting?.count ?? 0
        states[kind] = State(end: now + Self.interval)
        return .write(count: waiting + 1)
      }
      // Each event has a line of its own.
      if self.logger.logLevel <= .debug { return .debug }
      let count = state.waiting?.count ?? 0
      state.waiting = (line, count + 1)
      states[kind] = state
      return count == 0 ? .beginsWaiting : .isWaiting
    }
  }

  /// Writes what waits: at the end of the program.
  public func flush() {
    for kind in self.states.withLock({ Array($0.keys) }) { self.flush(kind) }
  }

  private func flush(_ kind: String) {
    let now = self.now()
    let waiting = self.states.withLock { states in
      guard let waiting = states[kind]?.waiting else { return (line: Line, count: Int)?.none }
      states[kind] = State(end: now + Self.interval)
      return waiting
    }
    if let waiting { self.write(waiting.line, count: waiting.count) }
  }

  private func write(_ line: Line, count: Int) {
    var metadata = line.metadata
    metadata["count"] = "\(count)"
    self.logger.log(level: line.level, line.message, metadata: metadata)
  }
}
