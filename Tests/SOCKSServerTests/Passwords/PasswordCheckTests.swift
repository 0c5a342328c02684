import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import Platform
import SOCKSCore
import Synchronization
import Testing

@testable import SOCKSServer

/// A password file in a folder of its own.
struct PasswordFolder {
  let path: String
  var file: String { "\(self.path)/passwords" }

  static let cheap = ScryptCost(logN: 10, blockSize: 8, parallelisation: 1)
  static let dearer = ScryptCost(logN: 11, blockSize: 8, parallelisation: 1)

  static func lend(_ body: (PasswordFolder) async throws -> Void) async throws {
    let folder = PasswordFolder(
      path: "\(FileManager.default.temporaryDirectory.path)/garter-passwords-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    try folder.write(["alice": "secret"])
    try await body(folder)
  }

  func write(_ users: KeyValuePairs<String, String>, cost: ScryptCost = cheap) throws {
    let lines = try users.map { "\($0.key):\(try ScryptHash(of: Array($0.value.utf8), cost: cost).text)\n" }
    try self.write(lines.joined())
  }

  /// Replaces the file, as an editor does.
  func write(_ text: String, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: self.file + ".new"))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: self.file + ".new")
    guard rename(self.file + ".new", self.file) == 0 else { throw CancellationError() }
  }

  private func rename(_ old: String, _ new: String) -> CInt {
    try? FileManager.default.removeItem(atPath: new)
    return (try? FileManager.default.moveItem(atPath: old, toPath: new)) == nil ? -1 : 0
  }

  var configuration: Configuration.Passwords {
    var configuration = Configuration.Passwords(file: self.file)
    configuration.failuresPerMinute = 1000
    return configuration
  }
}

@Suite(.timeLimit(.minutes(1))) struct PasswordCheckTests {
  static let client = IPAddress.v4(0x7f00_0001)

  /// What was compared, and where.
  final class Comparisons: Sendable {
    struct Comparison {
      let cost: ScryptCost
      let isOnLoop: Bool
    }

    private let made = Mutex<[Comparison]>([])
    let gate: Gate?

    init(gate: Gate? = nil) { self.gate = gate }

    var all: [Comparison] { self.made.withLock { $0 } }

    func compare(_ hash: ScryptHash, _ password: [UInt8]) -> Bool? {
      let isOnLoop = MultiThreadedEventLoopGroup.currentEventLoop != nil
      self.made.withLock { $0.append(Comparison(cost: hash.cost, isOnLoop: isOnLoop)) }
      self.gate?.wait()
      return hash.matches(password)
    }
  }

  static func verdict(
    _ check: PasswordCheck, _ name: String, _ password: String, from client: IPAddress = client
  ) async throws -> PasswordCheck.Verdict {
    let request = try UsernamePasswordRequest(username: Array(name.utf8), password: Array(password.utf8))
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: PasswordCheck.Verdict.self)
    loop.execute { check.check(request, from: client, on: loop) { promise.succeed($0) } }
    return try await promise.futureResult.get()
  }

  static func expect(
    _ check: PasswordCheck, _ name: String, _ password: String, from client: IPAddress = client,
    is expected: PasswordCheck.Verdict, at location: SourceLocation = #_sourceLocation
  ) async throws {
    let verdict = try await Self.verdict(check, name, password, from: client)
    #expect(verdict == expected, "\(name.debugDescription)", sourceLocation: location)
  }

  static func with(
    _ configuration: Configuration.Passwords, _ comparisons: Comparisons = Comparisons(), log: RecordLog = RecordLog(),
    _ body: (PasswordCheck) async throws -> Void
  ) async throws {
    let check = try PasswordCheck(
      configuration, logger: Logger(label: "test", factory: { _ in log }),
      compare: { comparisons.compare($0, $1) })
    do {
      try await body(check)
      await check.shutdown()
    } catch {
      await check.shutdown()
      throw error
    }
  }

  @Test func tellsRightFromWrong() async throws {
    let alice = try PasswordFile.name("alice")
    try await PasswordFolder.lend { folder in
      try await Self.with(folder.configuration) { check in
        try await Self.expect(check, "alice", "secret", is: .correct)
        try await Self.expect(check, "alice", "Secret", is: .wrongPassword(alice))
        try await Self.expect(check, "alice", "secret\0", is: .wrongPassword(alice))
        try await Self.expect(check, "alice", "", is: .wrongPassword(alice))
        for name in ["", "Alice", "alice ", "alice\0", "bob", "alice:", "#"] {
          try await Self.expect(check, name, "secret", is: .unknownUser)
          try await Self.expect(check, name, "", is: .unknownUser)
          // The password that unknown names are compared with opens nothing.
          try await Self.expect(check, name, "nobody", is: .unknownUser)
        }
      }
    }
  }

  /// One comparison of the same cost each, and none of them on an event loop.
  @Test func everyFailureCostsTheSame() async throws {
    try await PasswordFolder.lend { folder in
      let comparisons = Comparisons()
      try await Self.with(folder.configuration, comparisons) { check in
        let attempts = [
          ("alice", "wrong"), ("bob", "secret"), ("", "secret"), ("alice", ""), ("", ""), ("bob", ""),
          ("alice", "secret"), ("a\0", "\0"), (String(repeating: "x", count: 255), String(repeating: "y", count: 255)),
        ]
        for (name, password) in attempts { _ = try await Self.verdict(check, name, password) }
        #expect(comparisons.all.map(\.cost) == attempts.map { _ in PasswordFolder.cheap })
        #expect(comparisons.all.allSatisfy { !$0.isOnLoop })
      }
    }
  }

  /// With users of several costs, names without a user are spread over them, each always the same.
  @Test func unknownNamesCostWhatUsersDo() async throws {
    try await PasswordFolder.lend { folder in
      let cheap = try ScryptHash(of: [0x61], cost: PasswordFolder.cheap)
      let dear = try ScryptHash(of: [0x61], cost: PasswordFolder.dearer)
      let table = try PasswordTable([
        try PasswordFile.name("a"): cheap, try PasswordFile.name("b"): dear, try PasswordFile.name("c"): dear,
      ])
      var costs: [ScryptCost: Int] = [:]
      for number in 0..<3_000 {
        let name = try PasswordFile.name("unknown\(number)")
        let cost = try #require(table.hash(for: name)?.cost)
        #expect(table.hash(for: name)?.cost == cost)
        costs[cost, default: 0] += 1
      }
      #expect((700...1_300).contains(costs[PasswordFolder.cheap] ?? 0))
      #expect((1_700...2_300).contains(costs[PasswordFolder.dearer] ?? 0))
      let empty = try PasswordTable([:])
      #expect(empty.hash(for: nil)?.cost == .standard)
    }
  }

  @Test func failuresAreLimitedForEachAddress() async throws {
    try await PasswordFolder.lend { folder in
      var configuration = folder.configuration
      configuration.failuresPerMinute = 3
      let comparisons = Comparisons()
      try await Self.with(configuration, comparisons) { check in
        for name in ["alice", "bob", ""] {
          // What is correct is not counted.
          try await Self.expect(check, "alice", "secret", is: .correct)
          _ = try await Self.verdict(check, name, "wrong")
        }
        #expect(comparisons.all.count == 6)
        // The answer is the same for every name and password, and costs nothing.
        for (name, password) in [("alice", "wrong"), ("bob", "x"), ("alice", "secret"), ("", "")] {
          try await Self.expect(check, name, password, is: .tooManyFailures)
        }
        #expect(comparisons.all.count == 6)
        try await Self.expect(check, "alice", "secret", from: .v4(0x7f00_0002), is: .correct)
      }
    }
  }

  @Test func aFullQueueRefusesAtOnce() async throws {
    try await PasswordFolder.lend { folder in
      var configuration = folder.configuration
      configuration.threads = 1
      configuration.queue = 2
      let gate = Gate()
      try await Self.with(configuration, Comparisons(gate: gate)) { check in
        async let first = Self.verdict(check, "alice", "secret")
        await gate.entered()
        // Two take all the room there is; one of these three is refused while the thread is held.
        let verdicts = Mutex<[PasswordCheck.Verdict]>([])
        await withTaskGroup(of: PasswordCheck.Verdict?.self) { tasks in
          for _ in 0..<3 { tasks.addTask { try? await Self.verdict(check, "alice", "secret") } }
          for await verdict in tasks {
            guard let verdict else { continue }
            let count = verdicts.withLock { verdicts in
              verdicts.append(verdict)
              return verdicts.count
            }
            if count == 2 { gate.open() }
          }
        }
        #expect(verdicts.withLock { $0 } == [.tooBusy, .tooBusy, .correct])
        let verdict = try await first
        #expect(verdict == .correct)
      }
    }
  }

  @Test func aChangedFileCountsFromTheNextCheckOn() async throws {
    let log = RecordLog()
    let alice = try PasswordFile.name("alice")
    try await PasswordFolder.lend { folder in
      try await Self.with(folder.configuration, log: log) { check in
        try await Self.expect(check, "alice", "secret", is: .correct)
        try folder.write(["bob": "other", "alice": "new"])
        try await Self.expect(check, "alice", "secret", is: .wrongPassword(alice))
        try await Self.expect(check, "alice", "new", is: .correct)
        try await Self.expect(check, "bob", "other", is: .correct)
        #expect(log.lines.count { $0.message == "the password file was read again" } == 1)

        // What cannot be used is told once, and changes nothing.
        for bad in [("alice\n", 0o600), ("", 0o644)] {
          try folder.write(bad.0, mode: bad.1)
          try await Self.expect(check, "alice", "new", is: .correct)
          try await Self.expect(check, "bob", "other", is: .correct)
        }
        try FileManager.default.removeItem(atPath: folder.file)
        try await Self.expect(check, "alice", "new", is: .correct)
        try await Self.expect(check, "alice", "new", is: .correct)
        #expect(log.lines.count { $0.level == .error } == 3)
        #expect(log.lines.contains { $0["problem"]?.contains("passwords:1:1: expected NAME:HASH") == true })

        try folder.write(["alice": "third"])
        try await Self.expect(check, "alice", "third", is: .correct)
        try await Self.expect(check, "bob", "other", is: .unknownUser)
      }
    }
  }

  @Test func aFileThatCannotBeUsedIsToldAtTheStart() async throws {
    try await PasswordFolder.lend { folder in
      try folder.write("alice:x\n")
      let error = #expect(throws: ConfigurationError.self) {
        try PasswordCheck(folder.configuration, logger: Logger(label: "test", factory: { _ in RecordLog() }))
      }
      #expect(error?.problems.first?.line == 1)
      try folder.write("", mode: 0o604)
      #expect(throws: ConfigurationError.self) {
        try PasswordCheck(folder.configuration, logger: Logger(label: "test", factory: { _ in RecordLog() }))
      }
    }
  }
}
