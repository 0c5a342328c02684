import Logging
import NIOCore
import NIOPosix
import Platform
import Synchronization

/// Reads the kernel's tables of UDP sockets for all who want to know, on a thread that may block: at most once in a while,
/// however many ask, and at most half of the time.
final class DatagramOwnerReader: Sendable {
  typealias Completion = @Sendable (_ owners: DatagramOwners, _ begun: NIODeadline) -> Void

  /// For the whole process: the tables are the machine's.
  static let shared = DatagramOwnerReader()
  /// The shortest time from one beginning to the next.
  static let interval: TimeAmount = .milliseconds(20)

  /// Why a sender's datagrams are dropped, for the log.
  static var refusal: Logger.Message {
    DescriptorLimit.isReached
      ? "datagram refused: no descriptor is left to find out whose process sent it"
      : "datagram refused: it is not known to be from a process of this user"
  }

  private struct Request {
    let eventLoop: any EventLoop
    let completion: Completion
  }

  private struct State {
    /// At most one of each ``LocalDatagramSource``.
    var requests: [Request] = []
    /// A read has been scheduled, or runs.
    var isBusy = false
    var earliest = NIODeadline.uptimeNanoseconds(0)
  }

  private let state = Mutex(State())
  private let readTables: @Sendable () -> DatagramOwners

  init(_ readTables: @escaping @Sendable () -> DatagramOwners = { DatagramOwners.read() }) {
    self.readTables = readTables
  }

  /// - Parameter completion: called on the loop, with what the tables said, and when they were begun to be read: later than
  ///   this call.
  func read(on eventLoop: any EventLoop, completion: @escaping Completion) {
    let earliest: NIODeadline? = self.state.withLock { state in
      state.requests.append(Request(eventLoop: eventLoop, completion: completion))
      guard !state.isBusy else { return nil }
      state.isBusy = true
      return state.earliest
    }
    if let earliest { self.begin(at: earliest, eventLoop) }
  }

  private func begin(at earliest: NIODeadline, _ eventLoop: any EventLoop) {
    eventLoop.scheduleTask(deadline: max(earliest, .now())) {
      NIOThreadPool.singleton.submit { _ in self.answer() }
    }
  }

  /// On a thread of the pool.
  private func answer() {
    let requests = self.state.withLock { state in
      defer { state.requests = [] }
      return state.requests
    }
    let begun = NIODeadline.now()
    let owners = self.readTables()
    let ended = NIODeadline.now()
    for request in requests { request.eventLoop.execute { request.completion(owners, begun) } }
    let earliest = max(begun + Self.interval, ended + (ended - begun))
    let next: (any EventLoop)? = self.state.withLock { state in
      state.earliest = earliest
      state.isBusy = !state.requests.isEmpty
      return state.requests.first?.eventLoop
    }
    if let next { self.begin(at: earliest, next) }
  }
}
