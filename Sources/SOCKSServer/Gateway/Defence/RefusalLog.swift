import Logging
import NIOCore
import SOCKSCore
import Synchronization

/// Tells of connections that were closed as soon as they had come: at most one line a second for each reason, whatever
/// comes, with the number of those that it stands for.
final class RefusalLog: Sendable {
  private struct State {
    var next: NIODeadline?
    /// Not told yet.
    var count = 0
  }

  static let interval: TimeAmount = .seconds(1)

  private let logger: Logger
  private let now: @Sendable () -> NIODeadline
  private let states = Mutex<[AdmissionRefusal: State]>([:])

  init(logger: Logger, now: @escaping @Sendable () -> NIODeadline) {
    self.logger = logger
    self.now = now
  }

  func refused(_ address: IPAddress, _ refusal: AdmissionRefusal) {
    let now = self.now()
    let count: Int? = self.states.withLock { states in
      var state = states[refusal] ?? State()
      defer { states[refusal] = state }
      state.count += 1
      if let next = state.next, now < next { return nil }
      defer { state.count = 0 }
      state.next = now + Self.interval
      return state.count
    }
    guard let count else { return }
    self.logger.notice(
      "connections refused",
      metadata: ["reason": "\(refusal.rawValue)", "client": "\(address)", "count": "\(count)"])
  }
}
