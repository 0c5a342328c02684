import Testing

@testable import Platform

@Suite struct LogQueueTests {
  /// For use inside of expectations, which change nothing that is a value.
  private final class Queue {
    var value: LogQueue

    init(limits: LogQueue.Limits) { self.value = LogQueue(limits: limits) }

    var count: Int { self.value.count }
    var isEmpty: Bool { self.value.isEmpty }
    var lost: LogQueue.Lost { self.value.lost }

    @discardableResult
    func append(_ line: [UInt8], _ priority: LogPriority) -> Bool { self.value.append(line, priority) }

    func takeBatch(limit: Int) -> LogQueue.Batch { self.value.takeBatch(limit: limit) }
  }

  private static let limits = LogQueue.Limits(lines: 10, bytes: 1_000, ordinaryLines: 6, ordinaryBytes: 500)

  private static func line(_ text: String) -> [UInt8] { Array("\(text)\n".utf8) }

  @Test func linesComeInTheirOrderAndWhole() {
    let queue = Queue(limits: Self.limits)
    for number in 0..<5 { queue.append(Self.line("\(number)"), number % 2 == 0 ? .ordinary : .reserved) }
    #expect(queue.takeBatch(limit: 5) == LogQueue.Batch(bytes: Array("0\n1\n".utf8)))
    #expect(queue.takeBatch(limit: 1) == LogQueue.Batch(bytes: Array("2\n".utf8)))
    #expect(queue.takeBatch(limit: 100) == LogQueue.Batch(bytes: Array("3\n4\n".utf8)))
    #expect(queue.isEmpty)
  }

  @Test func ordinaryLinesLeavePlacesForReservedOnes() {
    let queue = Queue(limits: Self.limits)
    for _ in 0..<100 { queue.append(Self.line("stranger"), .ordinary) }
    #expect(queue.count == 6)
    for _ in 0..<4 { #expect(queue.append(Self.line("user"), .reserved)) }
    #expect(!queue.append(Self.line("user"), .reserved))
    #expect(queue.lost == LogQueue.Lost(ordinary: 94, reserved: 1))
  }

  @Test func reservedLinesTakeEveryPlace() {
    let queue = Queue(limits: Self.limits)
    for _ in 0..<12 { queue.append(Self.line("user"), .reserved) }
    #expect(queue.count == 10 && queue.lost == LogQueue.Lost(ordinary: 0, reserved: 2))
  }

  @Test func bytesAreBoundedToo() {
    let queue = Queue(limits: Self.limits)
    let line = [UInt8](repeating: 1, count: 300)
    #expect(queue.append(line, .ordinary))
    #expect(!queue.append(line, .ordinary))
    #expect(queue.append(line, .reserved))
    #expect(queue.append(line, .reserved))
    #expect(!queue.append(line, .reserved))
    #expect(!queue.append([UInt8](repeating: 1, count: 2_000), .reserved))
    #expect(queue.lost == LogQueue.Lost(ordinary: 1, reserved: 2))
  }

  @Test func whatIsLostIsSaidWhereItIsMissing() {
    let queue = Queue(limits: LogQueue.Limits(lines: 3, bytes: 1_000, ordinaryLines: 3, ordinaryBytes: 1_000))
    for number in 0..<5 { queue.append(Self.line("\(number)"), .ordinary) }
    // One has gone, another comes behind the gap.
    #expect(queue.takeBatch(limit: 1).bytes == Self.line("0"))
    queue.append(Self.line("5"), .ordinary)
    let batch = queue.takeBatch(limit: 100)
    #expect(batch == LogQueue.Batch(bytes: Array("1\n2\n".utf8), lost: LogQueue.Lost(ordinary: 2, reserved: 0)))
    #expect(queue.takeBatch(limit: 100) == LogQueue.Batch(bytes: Self.line("5")))
    #expect(queue.isEmpty)
  }

  /// Whatever comes and goes: each line is written or counted, and no order changes.
  @Test func nothingIsLostUncounted() {
    var generator = SystemRandomNumberGenerator()
    let queue = Queue(limits: Self.limits)
    var sent: [LogPriority: Int] = [:]
    var seen: [UInt8] = []
    var lost = LogQueue.Lost()
    var number: UInt8 = 0
    func take() {
      let batch = queue.takeBatch(limit: Int.random(in: 1...40, using: &generator))
      seen += batch.bytes
      lost.ordinary += batch.lost.ordinary
      lost.reserved += batch.lost.reserved
    }
    for _ in 0..<20_000 {
      if Int.random(in: 0..<3, using: &generator) > 0 {
        let priority: LogPriority = Bool.random(using: &generator) ? .ordinary : .reserved
        sent[priority, default: 0] += 1
        queue.append([number], priority)
        number = number == 255 ? 0 : number + 1
      } else {
        take()
      }
    }
    while !queue.isEmpty { take() }
    #expect(seen.count + Int(lost.ordinary + lost.reserved) == sent.values.reduce(0, +))
    #expect(lost.ordinary > 0 && lost.reserved > 0)
    #expect(queue.lost.isEmpty && queue.count == 0)
  }
}
