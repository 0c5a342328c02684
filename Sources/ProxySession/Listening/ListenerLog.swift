public import Logging
public import NIOCore
import Synchronization

/// What happens to listening sockets, for the log: at most one line a second of a kind, with the number of events that it
/// is for. One for all listeners of a program.
public final class ListenerLog: Sendable {
  private enum Kind: Hashable {
    case pause
    case loss
    case failure
    case recovery
  }

  private struct Events {
    var next: NIODeadline?
    /// Since the last line.
    var count = 0
  }

  static let interval: TimeAmount = .seconds(1)

  private let logger: Logger
  private let now: @Sendable () -> NIODeadline
  private let events = Mutex<[Kind: Events]>([:])

  public init(_ logger: Logger, now: @escaping @Sendable () -> NIODeadline = { .now() }) {
    self.logger = logger
    self.now = now
  }

  /// Accepting failed for want of descriptors or memory.
  func acceptingPauses(at address: SocketAddress?, _ error: any Error) {
    self.report(.pause, .error, "accepting pauses for a second", address, error)
  }

  /// The system closed a listener.
  func closed(at address: SocketAddress, _ error: (any Error)?) {
    self.report(.loss, .error, "the system closed a listener, which is opened again", address, error)
  }

  func cannotOpen(at address: SocketAddress, _ error: any Error) {
    self.report(.failure, .error, "a listener could not be opened again", address, error)
  }

  func opened(at address: SocketAddress) { self.report(.recovery, .notice, "listening again", address, nil) }

  private func report(
    _ kind: Kind, _ level: Logger.Level, _ message: Logger.Message, _ address: SocketAddress?, _ error: (any Error)?
  ) {
    let now = self.now()
    let count: Int? = self.events.withLock { all in
      var events = all[kind] ?? Events()
      defer { all[kind] = events }
      events.count += 1
      if let next = events.next, now < next { return nil }
      defer { events.count = 0 }
      events.next = now + Self.interval
      return events.count
    }
    guard let count else { return }
    var metadata: Logger.Metadata = ["count": "\(count)"]
    if let address, let ip = address.ipAddress, let port = address.port {
      metadata["listener"] = address.protocol == .inet6 ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
    if let error { metadata["detail"] = "\(words(for: error))" }
    self.logger.log(level: level, message, metadata: metadata)
  }
}
