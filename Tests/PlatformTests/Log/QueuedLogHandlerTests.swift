import Glibc
import Logging
import Testing

@testable import Platform

@Suite(.timeLimit(.minutes(1))) struct QueuedLogHandlerTests {
  private let reader: Int32
  private let log: LogWriter

  init() throws { try self.init(limits: LogQueue.Limits()) }

  private init(limits: LogQueue.Limits) throws {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw SystemError(code: errno) }
    self.reader = ends[0]
    self.log = LogWriter(descriptor: ends[1], limits: limits)
  }

  /// What comes after the time.
  private func line() throws -> Substring {
    #expect(self.log.flush())
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(self.reader, $0.baseAddress, $0.count) }
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).drop { $0 != " " }
  }

  @Test func metadataIsMergedAndLevelsAreValues() throws {
    var logger = self.log.makeLogger(label: "test", level: .info)
    var other = logger
    logger[metadataKey: "session"] = .marked("1", .reserved)
    logger[metadataKey: "key"] = "from the logger"
    other.logLevel = .error
    other.info("not to be seen")
    logger.debug("not to be seen")
    logger.info("said", metadata: ["key": "own"])
    #expect(try self.line() == " info test: said session=1 key=own\n")
    other.error("without")
    #expect(try self.line() == " error test: without\n")
    #expect(other[metadataKey: "session"] == nil && logger.logLevel == .info)
  }

  @Test func theFormatIsTheWriters() throws {
    let logger = self.log.makeLogger(label: "test", level: .info)
    self.log.configure(label: "program", format: .json)
    logger.notice("said")
    let line = try self.line()
    #expect(line.isEmpty, "JSON has no spaces here: \(line)")
    self.log.say("two\nlines")
    self.log.configure(label: "program", format: .text)
    self.log.say("as it is: a=b")
    #expect(try self.line() == " as it is: a=b\n")
  }

  @Test(
    arguments: [
      (Logger.Level.info, nil, LogPriority.ordinary), (.warning, nil, .ordinary), (.error, nil, .reserved),
      (.critical, nil, .reserved), (.info, .reserved, .reserved), (.error, .ordinary, .reserved),
    ] as [(Logger.Level, LogPriority?, LogPriority)])
  func priorities(level: Logger.Level, mark: LogPriority?, expected: LogPriority) throws {
    // Everything is lost, and said to be so.
    let limits = LogQueue.Limits(lines: 0, bytes: 0, ordinaryLines: 0, ordinaryBytes: 0)
    let test = try Self(limits: limits)
    let metadata: Logger.Metadata = ["a": "b", "session": "1"]
    test.log.makeLogger(label: "test", level: .trace)
      .log(level: level, "said", metadata: mark.map { metadata.marked($0) } ?? metadata)
    let counts = expected == .ordinary ? "ordinary=1 reserved=0" : "ordinary=0 reserved=1"
    #expect(try test.line() == " warning log: log lines lost \(counts)\n")
  }

  @Test func otherHandlersSeeTheValueAsItIs() {
    let metadata: Logger.Metadata = ["client": "x", "list": ["y"]]
    #expect(
      metadata.marked(.reserved).mapValues { "\($0)" } == [
        "client": "x", "list": metadata["list"].map { "\($0)" } ?? "",
      ])
    #expect(Logger.Metadata().marked(.reserved).isEmpty)
  }
}
