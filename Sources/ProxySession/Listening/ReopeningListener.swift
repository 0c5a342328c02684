public import NIOCore
import Synchronization

/// A listening socket that is opened again, at the same address, when the system closes it: NIO closes a listener for
/// every error of accept that is no want of descriptors or memory.
public final class ReopeningListener: Sendable {
  /// A listener that is gone for good.
  public struct Loss: Error, Sendable {
    public let address: SocketAddress
    /// Why it could not be opened again.
    public let reason: any Error
  }

  /// How it is tried.
  struct Retries: Sendable {
    /// Attempts in a row, about 25 seconds; those that fail for want of descriptors or memory do not count.
    var maximumAttempts = 10
    /// Doubled with each attempt.
    var firstDelay: TimeAmount = .milliseconds(100)
    var maximumDelay: TimeAmount = .seconds(5)

    func delay(after attempts: Int) -> TimeAmount {
      (1..<max(1, attempts)).reduce(self.firstDelay) { delay, _ in min(self.maximumDelay, delay * 2) }
    }
  }

  private enum State {
    case listening(any Channel, since: NIODeadline)
    case reopening(attempts: Int)
    case closed
  }

  private struct Listener {
    var state: State
    var isAccepting = false
  }

  /// With the port that the system chose.
  public let address: SocketAddress
  private let bind: @Sendable (SocketAddress) -> EventLoopFuture<any Channel>
  private let log: ListenerLog
  private let retries: Retries
  private let listener: Mutex<Listener>
  private let losses: AsyncStream<Loss>
  private let report: AsyncStream<Loss>.Continuation

  /// - Parameter bind: opens a listening channel that does not accept yet (`autoRead` off).
  /// - Throws: what `bind` does: only a listener that has been open is opened again.
  public static func open(
    at address: SocketAddress, log: ListenerLog,
    bind: @escaping @Sendable (SocketAddress) -> EventLoopFuture<any Channel>
  ) async throws -> ReopeningListener {
    try await self.open(at: address, log: log, retries: Retries(), bind: bind)
  }

  static func open(
    at address: SocketAddress, log: ListenerLog, retries: Retries,
    bind: @escaping @Sendable (SocketAddress) -> EventLoopFuture<any Channel>
  ) async throws -> ReopeningListener {
    let channel = try await bind(address).get()
    let listener = ReopeningListener(
      channel, address: channel.localAddress ?? address, log: log, retries: retries, bind: bind)
    listener.watch(channel)
    return listener
  }

  private init(
    _ channel: any Channel, address: SocketAddress, log: ListenerLog, retries: Retries,
    bind: @escaping @Sendable (SocketAddress) -> EventLoopFuture<any Channel>
  ) {
    self.address = address
    self.bind = bind
    self.log = log
    self.retries = retries
    self.listener = Mutex(Listener(state: .listening(channel, since: .now())))
    (self.losses, self.report) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Accepts from now on.
  public func startAccepting() async throws {
    let channel: (any Channel)? = self.listener.withLock { listener in
      listener.isAccepting = true
      if case .listening(let channel, _) = listener.state { return channel }
      return nil
    }
    // One that is being opened again begins by itself.
    try await channel?.setOption(.autoRead, value: true).get()
  }

  /// Closes it for good.
  public func close() async {
    let channel: (any Channel)? = self.listener.withLock { listener in
      defer { listener.state = .closed }
      if case .listening(let channel, _) = listener.state { return channel }
      return nil
    }
    self.report.finish()
    try? await channel?.close()
  }

  /// Waits until the listener is lost for good.
  ///
  /// - Returns: nil when it was closed, or the task cancelled. Only one task may wait.
  public func loss() async -> Loss? {
    for await loss in self.losses { return loss }
    return nil
  }

  // MARK: Opening it again

  private func watch(_ channel: any Channel) {
    channel.closeFuture.whenComplete { _ in self.closed(channel) }
  }

  private func closed(_ channel: any Channel) {
    let lived: TimeAmount? = self.listener.withLock { listener in
      guard case .listening(let current, let since) = listener.state, current === channel else { return nil }
      listener.state = .reopening(attempts: 0)
      return .now() - since
    }
    guard let lived else { return }
    self.log.closed(at: self.address, nil)
    // At once, but not again and again.
    self.schedule(in: lived < .seconds(1) ? self.retries.firstDelay : .zero, on: channel.eventLoop)
  }

  private func schedule(in delay: TimeAmount, on eventLoop: any EventLoop) {
    eventLoop.scheduleTask(in: delay) { self.reopen(on: eventLoop) }
  }

  private func reopen(on eventLoop: any EventLoop) {
    guard self.listener.withLock({ if case .reopening = $0.state { true } else { false } }) else { return }
    self.bind(self.address).whenComplete { result in
      switch result {
      case .success(let channel): self.opened(channel)
      case .failure(let error): self.failed(error, on: eventLoop)
      }
    }
  }

  private func opened(_ channel: any Channel) {
    let isAccepting: Bool? = self.listener.withLock { listener in
      guard case .reopening = listener.state else { return nil }
      listener.state = .listening(channel, since: .now())
      return listener.isAccepting
    }
    guard let isAccepting else { return channel.close(promise: nil) }
    self.watch(channel)
    self.log.opened(at: self.address)
    guard isAccepting else { return }
    // Fails when it has been closed meanwhile, which is watched.
    channel.setOption(.autoRead, value: true).whenFailure { _ in }
  }

  private func failed(_ error: any Error, on eventLoop: any EventLoop) {
    let attempts: Int? = self.listener.withLock { listener in
      guard case .reopening(let before) = listener.state else { return nil }
      let attempts = SystemShortage.isCause(of: error) ? before : before + 1
      listener.state = attempts < self.retries.maximumAttempts ? .reopening(attempts: attempts) : .closed
      return attempts
    }
    guard let attempts else { return }
    self.log.cannotOpen(at: self.address, error)
    guard attempts < self.retries.maximumAttempts else {
      self.report.yield(Loss(address: self.address, reason: error))
      return self.report.finish()
    }
    self.schedule(in: self.retries.delay(after: attempts), on: eventLoop)
  }

}
