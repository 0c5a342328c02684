import Logging
import NIOCore
import Platform
import ProxySession
import SOCKSCore
import SOCKSGSSAPI
import Synchronization

/// Checks names and passwords (RFC 1929) against the password file, on threads of its own.
///
/// To a client all failures are one. An unknown name, an empty one, and an empty password cost what a wrong password does;
/// only an address that has failed too often, or a full queue, is answered without the work, whatever the name.
///
/// The file is read again when it has changed, before the next check; see ``PasswordUsers``.
final class PasswordCheck: Sendable {
  enum Verdict: Hashable, Sendable {
    case correct
    case wrongPassword(UserName)
    case unknownUser
    case tooManyFailures
    case tooBusy
    case libraryFailed
    case stopping

    /// What the log says; nil for a correct password. A name without a user is not in it: people type passwords there.
    var end: SessionEnd? {
      switch self {
      case .correct: nil
      case .wrongPassword(let name):
        SessionEnd(.authenticationFailed(.password), "the password of user:\(name) is wrong")
      case .unknownUser: SessionEnd(.authenticationFailed(.password), "there is no such user")
      case .tooManyFailures:
        SessionEnd(.authenticationFailed(.password), "too many wrong passwords came from this address")
      case .tooBusy: SessionEnd(.limit(.passwordQueue))
      case .libraryFailed: SessionEnd(.limit(.memory), "there was no memory to check the password in")
      case .stopping: SessionEnd(.draining)
      }
    }

    /// What the negotiation makes of it.
    var outcome: PasswordOutcome {
      switch self {
      case .correct: .correct
      case .wrongPassword, .unknownUser, .tooManyFailures: .refused
      case .tooBusy, .libraryFailed, .stopping: .notChecked
      }
    }
  }

  private let pool: StepPool
  private let users: PasswordUsers
  private let failures: Mutex<FailureLimit>
  private let compare: Compare

  /// Whether a password is the one that was hashed; nil when that cannot be told. Blocks.
  typealias Compare = @Sendable (ScryptHash, [UInt8]) -> Bool?

  /// - Throws: what is wrong with the password file.
  init(
    _ configuration: Configuration.Passwords, logger: Logger, compare: @escaping Compare = { $0.matches($1) }
  ) throws(ConfigurationError) {
    self.users = try PasswordUsers(path: configuration.file, logger: logger)
    self.compare = compare
    self.failures = Mutex(FailureLimit(perMinute: configuration.failuresPerMinute))
    self.pool = StepPool(threads: configuration.threads, limit: configuration.queue)
  }

  func shutdown() async { await self.pool.shutdown() }

  /// `completion` is called on the loop, which must be the current one, once, after this call has returned.
  func check(
    _ request: UsernamePasswordRequest, from client: IPAddress?, on eventLoop: any EventLoop,
    completion: @escaping (Verdict) -> Void
  ) {
    let isQueued = self.pool.submit(to: eventLoop) {
      self.verdict(on: request, from: client ?? .v4(0), now: .now())
    } completion: {
      completion($0 ?? .stopping)
    }
    if !isQueued { eventLoop.assumeIsolated().execute { completion(.tooBusy) } }
  }

  /// Blocks for as long as scrypt takes. The failures are looked at here, not when the request came: with a thread for each
  /// check, no more pass beyond the limit than there are threads.
  private func verdict(on request: UsernamePasswordRequest, from client: IPAddress, now: NIODeadline) -> Verdict {
    guard !self.failures.withLock({ $0.isExhausted(client, now: now) }) else { return .tooManyFailures }
    let table = self.users.current(now)
    let name = UserName(request.username)
    guard let hash = table.hash(for: name), let isCorrect = self.compare(hash, request.password) else {
      return .libraryFailed
    }
    let user = name.flatMap { table.contains($0) ? $0 : nil }
    if isCorrect, user != nil { return .correct }
    self.failures.withLock { $0.failed(client, now: now) }
    return user.map(Verdict.wrongPassword) ?? .unknownUser
  }
}
