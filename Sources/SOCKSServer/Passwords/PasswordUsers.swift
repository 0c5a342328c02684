import Logging
import NIOCore
import Platform
import SOCKSCore
import Synchronization

/// The users of the password file, as it is now.
///
/// Before each check the file is looked at, and read again when it has changed: a user who is no longer in it is refused at
/// the next login. A file that cannot be used leaves the users as they were, and is reported once. What is wrong with its
/// contents stays wrong until it changes; what the system could not do, such as opening it, is tried again.
final class PasswordUsers: Sendable {
  /// The time between two attempts to read a file that the system could not read.
  static let retryInterval: TimeAmount = .seconds(1)

  private struct State {
    var table: PasswordTable
    /// What the file was when it was last read, whether or not its contents could be used.
    var version: SecretFile.Version
    /// The last attempt failed for a reason that may pass.
    var failure: (version: SecretFile.Version?, at: NIODeadline)?

    /// Whether there is nothing to read now.
    func isCurrent(_ version: SecretFile.Version?, _ now: NIODeadline) -> Bool {
      guard let failure = self.failure else { return version == self.version }
      return failure.version == version && now - failure.at < PasswordUsers.retryInterval
    }
  }

  private let path: String
  private let logger: Logger
  private let read: Read
  private let state: Mutex<State>
  /// The problem that was reported last. Locked while the file is read: a login that has come after a change waits for what
  /// another one's thread is reading.
  private let reported = Mutex<String?>(nil)

  typealias Read = @Sendable (String) throws(FileReadError) -> SecretFile.Contents

  /// - Throws: what is wrong with the password file.
  init(
    path: String, logger: Logger,
    read: @escaping Read = { (path) throws(FileReadError) in
      try PasswordFile.read(path: path)
    }
  ) throws(ConfigurationError) {
    let (file, version) = try PasswordFile.load(path: path)
    self.path = path
    self.logger = logger
    self.read = read
    let table: PasswordTable
    do throws(ScryptHashError) {
      table = try PasswordTable(file.hashes)
    } catch {
      throw Self.noMemory(path)
    }
    self.state = Mutex(State(table: table, version: version))
  }

  /// The users now. May block while the file is read.
  func current(_ now: NIODeadline) -> PasswordTable {
    let version = SecretFile.version(path: self.path)
    if let table = self.known(version, now) { return table }
    return self.reported.withLock { reported in
      // Another thread may have read it meanwhile.
      let version = SecretFile.version(path: self.path)
      return self.known(version, now) ?? self.readAgain(version, now, &reported)
    }
  }

  private func known(_ version: SecretFile.Version?, _ now: NIODeadline) -> PasswordTable? {
    self.state.withLock { $0.isCurrent(version, now) ? $0.table : nil }
  }

  private func readAgain(_ version: SecretFile.Version?, _ now: NIODeadline, _ reported: inout String?) -> PasswordTable
  {
    let contents: SecretFile.Contents
    do throws(FileReadError) {
      contents = try self.read(self.path)
    } catch {
      return self.failed(error.problem, version, now, &reported)
    }
    let file: PasswordFile
    do throws(ConfigurationError) {
      file = try PasswordFile(octets: contents.contents, sourceName: self.path)
    } catch {
      self.state.withLock { state in
        state.version = contents.version
        state.failure = nil
      }
      return self.report(error, &reported)
    }
    let table: PasswordTable
    do throws(ScryptHashError) {
      table = try PasswordTable(file.hashes)
    } catch {
      return self.failed(Self.noMemory(self.path), version, now, &reported)
    }
    self.state.withLock { $0 = State(table: table, version: contents.version) }
    self.logger.notice("the password file was read again", metadata: ["users": "\(file.names.count)"])
    reported = nil
    return table
  }

  /// The system could not do it now.
  private func failed(
    _ problem: ConfigurationError, _ version: SecretFile.Version?, _ now: NIODeadline, _ reported: inout String?
  ) -> PasswordTable {
    self.state.withLock { $0.failure = (version, now) }
    return self.report(problem, &reported)
  }

  private func report(_ problem: ConfigurationError, _ reported: inout String?) -> PasswordTable {
    let text = escaped("\(problem)", limit: 2048)
    if reported != text {
      reported = text
      self.logger.error(
        "the password file has changed and cannot be used; the users stay as they were",
        metadata: ["problem": "\(text)"])
    }
    return self.state.withLock { $0.table }
  }

  private static func noMemory(_ path: String) -> ConfigurationError {
    ConfigurationError(problems: [
      ConfigurationProblem(
        sourceName: path, line: nil, column: nil, message: "there is no memory to check passwords in", sourceLine: nil)
    ])
  }
}
