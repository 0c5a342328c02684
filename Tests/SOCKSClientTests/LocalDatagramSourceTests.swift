import NIOCore
import NIOEmbedded
import NIOPosix
import Platform
import SOCKSCore
import SOCKSNIO
import Synchronization
import Testing

@testable import SOCKSClient

/// Whose datagrams are taken.
@Suite(.timeLimit(.minutes(1))) struct LocalDatagramSourceTests {
  /// A source whose tables are what the test says, and are read when it says.
  private final class Harness {
    let loop = EmbeddedEventLoop()
    let source: LocalDatagramSource
    /// Owners by port of 127.0.0.1.
    var owners: [UInt16: UserID] = [:]
    private(set) var passed: [(port: Int?, bytes: [UInt8])] = []
    private(set) var drops = DatagramDrops()
    private(set) var reads = 0
    private var completion: ((DatagramOwners, NIODeadline) -> Void)?
    private var begun = NIODeadline.uptimeNanoseconds(0)

    init() throws {
      var read: LocalDatagramSource.Read = { _ in }
      self.source = LocalDatagramSource(
        user: 7, receiver: try #require(SocketEndpoint(octets: [127, 0, 0, 1], port: 5_000)), eventLoop: self.loop
      ) { read($0) }
      read = { [unowned self] in
        self.reads += 1
        self.completion = $0
      }
      self.source.onDatagram = { [unowned self] in
        self.passed.append(($0.remoteAddress.port, Array($0.data.readableBytesView)))
      }
      self.source.onDrop = { [unowned self] in self.drops.count($0) }
      // Times before the loop's beginning are possible.
      self.loop.advanceTime(by: .seconds(100))
    }

    var isReading: Bool { self.completion != nil }

    func send(from port: Int, _ bytes: [UInt8] = [1]) throws {
      self.source.receive(
        AddressedEnvelope(
          remoteAddress: try SocketAddress(ipAddress: "127.0.0.1", port: port), data: ByteBuffer(bytes: bytes)))
    }

    /// The read that was asked for takes place now.
    func answer(took time: TimeAmount = .zero) {
      guard let completion = self.completion else { return }
      self.completion = nil
      let begun = self.loop.now
      let tables = self.tables
      self.loop.advanceTime(by: time)
      completion(tables, begun)
    }

    private var tables: DatagramOwners {
      let lines = self.owners.map { port, user in
        "0: 0100007F:\(String(port, radix: 16, uppercase: true)) 00000000:0000 07 0:0 0:0 0 \(user) 0 77 2"
      }
      return DatagramOwners(lines: ["header"] + lines)
    }
  }

  @Test func anUnknownSenderWaitsForTheTables() throws {
    let harness = try Harness()
    harness.owners = [4_000: 7]
    for byte in UInt8(1)...3 { try harness.send(from: 4_000, [byte]) }
    #expect(harness.passed.isEmpty && harness.reads == 1)
    harness.answer()
    #expect(harness.passed.map(\.bytes) == [[1], [2], [3]])
    try harness.send(from: 4_000, [4])
    #expect(harness.passed.count == 4 && harness.reads == 1)
  }

  /// A sender that goes on never waits, and is asked about again before its second is over.
  @Test func aYesHoldsForASecond() throws {
    let harness = try Harness()
    harness.owners = [4_000: 7]
    try harness.send(from: 4_000)
    harness.answer()
    for _ in 0..<100 {
      harness.loop.advanceTime(by: .milliseconds(100))
      let count = harness.passed.count
      try harness.send(from: 4_000)
      #expect(harness.passed.count == count + 1)
      harness.answer()
    }
    #expect((18...21).contains(harness.reads), "\(harness.reads)")
    // The port has changed hands.
    harness.owners = [4_000: 8]
    harness.loop.advanceTime(by: .milliseconds(600))
    let count = harness.passed.count
    try harness.send(from: 4_000)
    #expect(harness.passed.count == count + 1)
    harness.answer()
    try harness.send(from: 4_000)
    #expect(harness.passed.count == count + 1 && harness.drops.total == 1)
  }

  /// Tables that never come: nobody is taken on trust.
  @Test func withoutAnAnswerASecondIsAll() throws {
    let harness = try Harness()
    harness.owners = [4_000: 7]
    try harness.send(from: 4_000)
    harness.answer()
    harness.loop.advanceTime(by: .milliseconds(1_000))
    try harness.send(from: 4_000)
    #expect(harness.passed.count == 1)
    for _ in 0..<100 { try harness.send(from: 4_000, Array(repeating: 1, count: 60_000)) }
    #expect(harness.passed.count == 1 && harness.drops.total == 101 - LocalDatagramSource.maximumWaiting)
    for port in 10_000..<20_000 { try harness.send(from: port) }
    #expect(harness.source.waitingCount <= LocalDatagramSource.maximumSenders)
  }

  /// Another user's datagrams, before, between and after: the owner's all arrive.
  @Test(arguments: [1, 50, 2_000]) func anotherUserSilencesNobody(senders: Int) throws {
    let harness = try Harness()
    for port in 0..<senders { harness.owners[UInt16(10_000 + port)] = 8 }
    for number in 0..<20 {
      for port in 0..<senders { try harness.send(from: 10_000 + port) }
      let port = 4_000 + number
      harness.owners[UInt16(port)] = 7
      try harness.send(from: port)
      for port in 0..<senders { try harness.send(from: 10_000 + port) }
      // More than may wait at first, when nothing is known.
      let isCertain = number > 0 || 2 * senders < LocalDatagramSource.maximumSenders
      harness.answer()
      harness.loop.advanceTime(by: .milliseconds(5))
      if isCertain { #expect(harness.passed.contains { $0.port == port }, "\(number)") }
      try harness.send(from: port)
      #expect(harness.passed.contains { $0.port == port } || harness.isReading)
      harness.answer()
      #expect(harness.passed.contains { $0.port == port }, "\(number)")
    }
    #expect(!harness.passed.contains { $0.port.map { $0 >= 10_000 } ?? true })
  }

  /// A socket that was made while the tables were being read may be in neither.
  @Test func aSocketNewerThanTheTablesIsAskedForAgain() throws {
    let harness = try Harness()
    try harness.send(from: 4_001)
    harness.answer(took: .milliseconds(5))
    #expect(harness.drops.total == 1 && !harness.isReading)
    try harness.send(from: 4_000)
    harness.owners = [4_000: 7]
    harness.answer()
    #expect(harness.passed.count == 1)
  }

  /// As many as ask at a time are answered by one read, and reads keep their distance.
  @Test func oneReadAnswersAll() async throws {
    let reads = Mutex<[NIODeadline]>([])
    let reader = DatagramOwnerReader {
      reads.withLock { $0.append(.now()) }
      return DatagramOwners(lines: ["header"])
    }
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    for _ in 0..<5 {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for _ in 0..<50 {
          tasks.addTask {
            let asked = NIODeadline.now()
            let promise = loop.makePromise(of: NIODeadline.self)
            reader.read(on: loop) { promise.succeed($1) }
            let begun = try await promise.futureResult.get()
            #expect(begun >= asked)
          }
        }
        try await tasks.waitForAll()
      }
    }
    let times = reads.withLock { $0 }
    #expect(times.count <= 5 * 50 / 2, "\(times.count)")
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= DatagramOwnerReader.interval })
  }
}
