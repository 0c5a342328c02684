import Glibc
import Logging
import Synchronization
import Testing

@testable import Platform

@Suite(.timeLimit(.minutes(1))) struct LogWriterTests {
  /// A pipe whose two ends are closed at the end.
  private final class Pipe: Sendable {
    let reader: Int32
    let writer: Int32
    /// How much fits into it.
    let capacity: Int

    init(flags: Int32 = 0) throws {
      var ends: [Int32] = [-1, -1]
      guard unsafe pipe(&ends) == 0 else { throw SystemError(code: errno) }
      for end in ends { try #require(fcntl(end, F_SETFL, fcntl(end, F_GETFL) | flags) == 0) }
      (self.reader, self.writer) = (ends[0], ends[1])
      self.capacity = Int(fcntl(ends[1], 1_032 /* F_GETPIPE_SZ, which Glibc leaves out */))
    }

    /// Reads until so many whole lines have come.
    func lines(_ count: Int) throws -> [String] {
      var bytes: [UInt8] = []
      while bytes.count(where: { $0 == UInt8(ascii: "\n") }) < count { bytes += try self.read() }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    func read(_ limit: Int = 65_536) throws -> [UInt8] {
      var buffer = [UInt8](repeating: 0, count: limit)
      while true {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(self.reader, $0.baseAddress, $0.count) }
        if count >= 0 { return Array(buffer.prefix(count)) }
        guard errno == EAGAIN || errno == EINTR else { throw SystemError(code: errno) }
        usleep(1_000)
      }
    }
  }

  private static func text(_ number: Int) -> [UInt8] { Array("line \(number)\n".utf8) }

  /// Pipes as they come, and those that another program has made non-blocking.
  @Test(arguments: [0, Int32(O_NONBLOCK)]) func everyLineComesInItsOrder(flags: Int32) throws {
    let pipe = try Pipe(flags: flags)
    let log = LogWriter(descriptor: pipe.writer)
    for number in 0..<10_000 { log.enqueue(Self.text(number), .reserved) }
    #expect(try pipe.lines(10_000) == (0..<10_000).map { "line \($0)" })
    #expect(log.flush())
    // Nobody closes the pipe of a thread that lasts.
  }

  @Test func aFullPipeIsNotAskedAgainAndAgain() throws {
    let pipe = try Pipe(flags: Int32(O_NONBLOCK))
    let (descriptor, capacity) = (pipe.writer, pipe.capacity)
    let spent = SpentTime()
    try SystemThread.start {
      for number in 0..<(capacity / 4_096 + 4) {
        LogSink(descriptor: descriptor).write([UInt8](repeating: UInt8(ascii: "a") + UInt8(number % 26), count: 4_096))
      }
      spent.time.withLock { $0 = Self.threadTime() }
    }
    // The time in which a thread that spins would use the processor.
    SystemThread.pause(.milliseconds(500))
    #expect(spent.time.withLock { $0 } == nil)
    // Everything that was written: then the thread ends.
    var received = 0
    while received < (capacity / 4_096 + 4) * 4_096 { received += try pipe.read().count }
    while spent.time.withLock({ $0 }) == nil { usleep(1_000) }
    #expect(spent.time.withLock { $0 } ?? .seconds(1) < .milliseconds(200))
  }

  private final class SpentTime: Sendable {
    let time = Mutex<Duration?>(nil)
  }

  /// What the calling thread has used of the processor.
  private static func threadTime() -> Duration {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  @Test(arguments: [LogFormat.text, .json]) func lostLinesAreCountedByPriority(format: LogFormat) throws {
    let pipe = try Pipe()
    let limits = LogQueue.Limits(lines: 100, bytes: 1 << 20, ordinaryLines: 60, ordinaryBytes: 1 << 19)
    let log = LogWriter(descriptor: pipe.writer, limits: limits)
    log.configure(label: "test", format: format)
    // Nobody reads: the pipe and the thread's hands are full when the queue is.
    let filler = [UInt8](repeating: UInt8(ascii: "f"), count: 4_095) + [UInt8(ascii: "\n")]
    var fillers = 0
    // One by one, until the thread waits with one that the pipe does not take.
    for _ in 0...pipe.capacity / filler.count {
      log.enqueue(filler, .ordinary)
      fillers += 1
      while log.waiting > 0 { usleep(200) }
    }
    while log.lost.isEmpty {
      log.enqueue(filler, .ordinary)
      fillers += 1
    }
    let start = ContinuousClock.now
    for number in 0..<500 { log.enqueue(Self.text(number), .reserved) }
    for number in 0..<1_000 { log.enqueue(Self.text(number), .ordinary) }
    #expect(ContinuousClock.now - start < .seconds(1))
    // 40 places were kept.
    var bytes: [UInt8] = []
    var lines: [Substring] = []
    while bytes.last != UInt8(ascii: "\n") || lines.count(where: { $0.hasPrefix("line ") }) < 40 {
      bytes += try pipe.read()
      lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
    let whole = lines.count { $0.utf8.count == 4_095 }
    #expect(lines.suffix(40) == (0..<40).map { "line \($0)" })
    // Where the first is missing.
    let last = try #require(lines.dropLast(40).last)
    let lostFillers = fillers - whole
    switch format {
    case .text:
      #expect(last.hasSuffix(" warning test: log lines lost ordinary=\(lostFillers + 1_000) reserved=460"), "\(last)")
    case .json:
      #expect(last.contains(#""metadata":{"ordinary":"\#(lostFillers + 1_000)","reserved":"460"}"#), "\(last)")
    }
    #expect(log.flush())
  }

  @Test func aReaderThatDoesNotReadHoldsUpTheEndForABoundedTime() throws {
    let pipe = try Pipe()
    let log = LogWriter(descriptor: pipe.writer)
    for number in 0..<20_000 { log.enqueue(Self.text(number), .reserved) }
    let start = ContinuousClock.now
    #expect(!log.flush(within: .milliseconds(300)))
    #expect((.milliseconds(250)...(.seconds(5))).contains(ContinuousClock.now - start))
  }

  @Test func theEndWaitsForASlowReader() async throws {
    let pipe = try Pipe()
    let log = LogWriter(descriptor: pipe.writer)
    let count = pipe.capacity / 10 + 2_000
    for number in 0..<count { log.enqueue(Self.text(number), .reserved) }
    // A thread of its own: other tests keep those that tasks run on.
    final class Seen: Sendable {
      let lines = Mutex(0)
    }
    let seen = Seen()
    try SystemThread.start {
      while seen.lines.withLock({ $0 < count }) {
        guard let bytes = try? pipe.read(8_192) else { return }
        seen.lines.withLock { $0 += bytes.count { $0 == UInt8(ascii: "\n") } }
      }
    }
    #expect(log.flush(within: .seconds(20)))
    while seen.lines.withLock({ $0 < count }) { await Task.yield() }
  }

  @Test func aFullDiskLosesNothingThatFitsTheQueue() throws {
    let full = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
    try #require(full >= 0)
    let log = LogWriter(descriptor: full)
    for number in 0..<10 { log.enqueue(Self.text(number), .reserved) }
    #expect(!log.flush(within: .milliseconds(100)))
    // There is space again.
    let pipe = try Pipe()
    #expect(dup2(pipe.writer, full) == full)
    #expect(try pipe.lines(10) == (0..<10).map { "line \($0)" })
    #expect(log.flush())
  }

  /// A FIFO whose reader goes and comes back: the next one sees whole lines.
  @Test func aReaderMayGoAndComeBack() throws {
    ignoreBrokenPipes()
    let (first, second) = (try Pipe(), try Pipe())
    let log = LogWriter(descriptor: first.writer)
    log.enqueue(Self.text(1), .reserved)
    #expect(try first.lines(1) == ["line 1"])
    close(first.reader)
    log.enqueue(Self.text(2), .reserved)
    #expect(!log.flush(within: .milliseconds(100)))
    #expect(dup2(second.writer, first.writer) == first.writer)
    log.enqueue(Self.text(3), .reserved)
    #expect(try second.lines(2) == ["line 2", "line 3"])
  }
}
