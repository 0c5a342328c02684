import Logging
import NIOCore
import Synchronization
import Testing

@testable import ProxySession

@Suite struct RepeatedLinesTests {
  /// Lines at a level, with a clock and a schedule of the test's.
  private final class Stage: Sendable {
    struct Line: Sendable, Hashable {
      var level: Logger.Level
      var message: String
      var fields: [String: String]
    }

    let lines = Mutex<[Line]>([])
    let now = Mutex(NIODeadline.uptimeNanoseconds(1_000_000_000))
    let scheduled = Mutex<[@Sendable () -> Void]>([])

    func logger(_ level: Logger.Level) -> Logger {
      var logger = Logger(label: "test", factory: { _ in Handler(stage: self) })
      logger.logLevel = level
      return logger
    }

    func repeatedLines(_ level: Logger.Level = .info) -> RepeatedLines {
      RepeatedLines(
        logger: self.logger(level), now: { self.now.withLock { $0 } },
        schedule: { _, body in self.scheduled.withLock { $0.append(body) } })
    }

    func pass(_ time: TimeAmount) {
      self.now.withLock { $0 = $0 + time }
      guard time >= RepeatedLines.interval else { return }
      let due = self.scheduled.withLock { scheduled in
        defer { scheduled = [] }
        return scheduled
      }
      for body in due { body() }
    }

    var counts: [String?] { self.lines.withLock { $0.map { $0.fields["count"] } } }
  }

  private struct Handler: LogHandler {
    let stage: Stage
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { self.metadata[key] }
      set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = (event.metadata ?? [:]).mapValues { "\($0)" }
      self.stage.lines.withLock { $0.append(.init(level: event.level, message: "\(event.message)", fields: fields)) }
    }
  }

  @Test func manyOfAKindAreOneLineASecond() {
    let stage = Stage()
    let lines = stage.repeatedLines()
    for number in 0..<1_000 { lines.log("a", level: .notice, "refused", metadata: ["n": "\(number)"]) }
    lines.log("b", level: .notice, "refused", metadata: [:])
    #expect(stage.counts == ["1", "1"])
    #expect(stage.scheduled.withLock { $0.count } == 1)
    stage.pass(.seconds(1))
    // The last that waited, for all of them.
    #expect(stage.counts == ["1", "1", "999"])
    #expect(stage.lines.withLock { $0.last?.fields["n"] } == "999")
    // Counted anew from there.
    lines.log("a", level: .notice, "refused", metadata: [:])
    #expect(stage.counts.count == 3)
    stage.pass(.seconds(1))
    #expect(stage.counts.last == "1" && stage.counts.count == 4)
    stage.pass(.seconds(1))
    #expect(stage.counts.count == 4)
  }

  @Test func noneIsLostWhenTheTimerIsLate() {
    let stage = Stage()
    let lines = stage.repeatedLines()
    for _ in 0..<3 { lines.log("a", level: .notice, "refused", metadata: [:]) }
    stage.now.withLock { $0 = $0 + .seconds(5) }
    lines.log("a", level: .notice, "refused", metadata: [:])
    #expect(stage.counts == ["1", "3"])
    stage.pass(.seconds(1))
    #expect(stage.counts == ["1", "3"])
  }

  @Test func theEndOfTheProgramWritesWhatWaits() {
    let stage = Stage()
    let lines = stage.repeatedLines()
    for _ in 0..<5 { lines.log("a", level: .notice, "refused", metadata: [:]) }
    lines.flush()
    #expect(stage.counts == ["1", "4"])
  }

  @Test func atDebugEachHasItsLine() {
    let stage = Stage()
    let lines = stage.repeatedLines(.debug)
    for _ in 0..<5 { lines.log("a", level: .notice, "refused", metadata: [:]) }
    stage.pass(.seconds(1))
    #expect(stage.lines.withLock { $0.map(\.level) } == [.notice, .debug, .debug, .debug, .debug])
  }

  @Test func whatIsNotLoggedCostsNothing() {
    let stage = Stage()
    let lines = stage.repeatedLines(.error)
    for _ in 0..<5 { lines.log("a", level: .notice, "refused", metadata: [:]) }
    stage.pass(.seconds(1))
    #expect(stage.counts.isEmpty && stage.scheduled.withLock { $0.isEmpty })
  }

  // MARK: Trouble

  @Test func troubleIsAnErrorOnceAndANoticeWhenItIsOver() {
    let stage = Stage()
    let trouble = OngoingTrouble(lines: stage.repeatedLines())
    for _ in 0..<1_000 { trouble.sessionEnded(SessionEnd(.trouble(.keytab), in: .authentication, "no such file")) }
    trouble.sessionEnded(SessionEnd(.authenticationFailed(.context), in: .authentication))
    trouble.contextEstablished()
    trouble.contextEstablished()
    let lines = stage.lines.withLock { $0 }
    #expect(lines.map(\.level) == [.error, .notice])
    #expect(lines.map { $0.fields["reason"] } == ["keytab-unreadable", "keytab-unreadable"])
    #expect(lines.last?.fields["sessions"] == "1000")
  }

  /// Descriptors that are short for a target are reported by that session's record.
  @Test func onlyWhatLoginsMeetIsTrouble() {
    let stage = Stage()
    let trouble = OngoingTrouble(lines: stage.repeatedLines())
    trouble.sessionEnded(SessionEnd(.limit(.descriptors), in: .serving))
    trouble.sessionEnded(SessionEnd(.limit(.authenticationQueue), in: .authentication))
    #expect(stage.counts.isEmpty)
    trouble.sessionEnded(SessionEnd(.limit(.descriptors), in: .authentication))
    #expect(stage.lines.withLock { $0.map(\.level) } == [.error])
  }
}
