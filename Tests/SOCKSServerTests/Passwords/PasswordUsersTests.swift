import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import Platform
import Synchronization
import Testing

@testable import SOCKSServer

/// The password file, when the system cannot read it for a while.
@Suite(.timeLimit(.minutes(1))) struct PasswordUsersTests {
  private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

  /// Reads as the system does, unless it is told not to.
  private final class Reader: Sendable {
    private let state = Mutex((fails: false, attempts: 0))
    let gate: Gate?

    init(gate: Gate? = nil) { self.gate = gate }

    var attempts: Int { self.state.withLock { $0.attempts } }
    var fails: Bool {
      get { self.state.withLock { $0.fails } }
      set { self.state.withLock { $0.fails = newValue } }
    }

    @Sendable func read(_ path: String) throws(FileReadError) -> SecretFile.Contents {
      let fails = self.state.withLock { state in
        state.attempts += 1
        return state.fails
      }
      if fails { throw FileReadError(path: path, reason: "Too many open files", advice: "raise the limit") }
      let contents = try PasswordFile.read(path: path)
      self.gate?.wait()
      return contents
    }
  }

  private static func has(_ user: String, _ users: PasswordUsers, after seconds: Double) throws -> Bool {
    let now = Self.start + .nanoseconds(Int64(seconds * 1e9))
    return users.current(now).contains(try PasswordFile.name(user))
  }

  private static func users(_ folder: PasswordFolder, _ reader: Reader, _ log: RecordLog) throws -> PasswordUsers {
    try PasswordUsers(path: folder.file, logger: Logger(label: "test", factory: { _ in log })) {
      (path) throws(FileReadError) in try reader.read(path)
    }
  }

  @Test func aFailedReadIsTriedAgain() async throws {
    try await PasswordFolder.lend { folder in
      let (reader, log) = (Reader(), RecordLog())
      let users = try Self.users(folder, reader, log)
      #expect(try Self.has("alice", users, after: 0) && reader.attempts == 0)
      try folder.write(["bob": "other"])
      reader.fails = true
      #expect(try Self.has("alice", users, after: 1))
      // Not for each login.
      for _ in 0..<10 { #expect(try Self.has("alice", users, after: 1.9)) }
      #expect(reader.attempts == 1)
      #expect(try Self.has("alice", users, after: 2.1) && reader.attempts == 2)
      reader.fails = false
      #expect(try !Self.has("alice", users, after: 3.2) && Self.has("bob", users, after: 3.2))
      for second in 4..<10 { #expect(try Self.has("bob", users, after: Double(second))) }
      #expect(reader.attempts == 3)
      #expect(log.lines.count { $0.level == .error } == 1)
      #expect(log.lines.count { $0.message == "the password file was read again" } == 1)
    }
  }

  /// A further change does not wait for the next attempt.
  @Test func aChangeIsReadAtOnce() async throws {
    try await PasswordFolder.lend { folder in
      let reader = Reader()
      let users = try Self.users(folder, reader, RecordLog())
      try folder.write(["bob": "other"])
      reader.fails = true
      #expect(try Self.has("alice", users, after: 1))
      reader.fails = false
      try folder.write(["carol": "other"])
      #expect(try Self.has("carol", users, after: 1.1))
    }
  }

  /// Contents that are wrong are wrong until they change.
  @Test func wrongContentsAreNotReadAgain() async throws {
    try await PasswordFolder.lend { folder in
      let (reader, log) = (Reader(), RecordLog())
      let users = try Self.users(folder, reader, log)
      try folder.write("alice\n")
      for second in 0..<10 { #expect(try Self.has("alice", users, after: Double(second))) }
      #expect(reader.attempts == 1 && log.lines.count { $0.level == .error } == 1)
      try folder.write("alice\n", mode: 0o644)
      for second in 10..<14 { #expect(try Self.has("alice", users, after: Double(second))) }
      #expect(log.lines.count { $0.level == .error } == 2)
      try FileManager.default.removeItem(atPath: folder.file)
      #expect(try Self.has("alice", users, after: 20))
      try folder.write(["bob": "other"])
      #expect(try !Self.has("alice", users, after: 20.1))
    }
  }

  /// A login that comes while another one's thread reads the changed file is not decided by the old one.
  @Test func nobodyIsLetInByTheOldFile() async throws {
    try await PasswordFolder.lend { folder in
      let gate = Gate()
      let reader = Reader(gate: gate)
      let users = try Self.users(folder, reader, RecordLog())
      try folder.write(["bob": "other"])
      let threads = NIOThreadPool(numberOfThreads: 2)
      threads.start()
      async let first = threads.runIfActive { try Self.has("alice", users, after: 1) }
      await gate.entered()
      let second = Task { try await threads.runIfActive { try Self.has("alice", users, after: 1) } }
      // Whether or not it has got so far: its answer is the new file's.
      gate.open()
      let answers = try await (first, second.value)
      #expect(!answers.0 && !answers.1)
      #expect(reader.attempts == 1)
      try await threads.shutdownGracefully()
    }
  }
}
