import Subprocess
import Testing

/// The means by which the whole-program tests see: a blind one would let everything pass.
@Suite struct HarnessTests {
  @Test func aLineOfLogIsTakenApart() {
    let line = LogLine(
      "2026-01-02T03:04:05.678Z notice garterd: session ended client=127.0.0.1:9 detail=\"no key = \\\"no\\\" way\" "
        + "reason=context-failed rule=\"rule 1\"")
    #expect(line.level == "notice" && line.message == "session ended")
    #expect(
      line.metadata == [
        "client": "127.0.0.1:9", "detail": "no key = \"no\" way", "reason": "context-failed", "rule": "rule 1",
      ])
    let other = LogLine("2026-01-02T03:04:05.678Z error garter: \"a=b c\" target=x")
    #expect(other.message == "a=b c" && other.metadata == ["target": "x"])
    #expect(LogLine("2026-01-02T03:04:05.678Z notice garterd: stopped").message == "stopped")
  }

  @Test(arguments: [
    "no line of log", "", "a=b", "2026-01-02T03:04:05.678Z notice garterd: m a=b c",
    "2026-01-02T03:04:05.678Z notice garterd: m a=\"b", "2026-01-02T03:04:05.678Z notice garterd: m a=\"b\"c",
    "2026-01-02T03:04:05.678Z notice garterd: m a=b a=c", "2026-01-02T03:04:05.678Z notice garterd: m a= b=c",
    "2026-01-02T03:04:05.678Z notice garterd: m a=b=c",
  ])
  func whatIsNoLineOfLogHasNoFields(line: String) {
    #expect(LogLine(line).metadata.isEmpty && LogLine(line).message.isEmpty)
  }

  @Test(arguments: ["token 6082027a06092a86", "got m12:aaa", "an escape \u{1b}[0m"])
  func secretsAreSeen(line: String) {
    #expect(SessionLedger.holdsSecrets(line))
  }

  @Test func aRecordHoldsNoSecrets() {
    #expect(!SessionLedger.holdsSecrets("enctype=aes256-cts-hmac-sha1-96 client=127.0.0.1:41376 duration_ms=25"))
  }

  @Test func linesAreWaitedForAndDoNotComeLate() async throws {
    let child = try await Child.start(["cat"])
    child.send("one")
    #expect(try await child.output.next(within: .seconds(20)) == "one")
    await #expect(throws: LateError.self) { try await child.output.next(within: .milliseconds(1)) }
    child.endInput()
    #expect(try await child.output.next(within: .seconds(20)) == nil)
    #expect(try await child.ended(within: .seconds(20)) == .exited(0))
  }

  @Test func aChildThatDoesNotEndIsKilled() async throws {
    let child = try await Child.start(["cat"])
    #expect(try await child.ended(within: .milliseconds(1)) == .signaled(9))
  }

  @Test func writingToAChildThatHasEndedDoesNoHarm() async throws {
    let child = try await Child.start(["true"])
    for _ in 0..<1_000 { child.send(String(repeating: "x", count: 1_000)) }
    #expect(try await child.ended(within: .seconds(20)) == .exited(0))
  }
}
