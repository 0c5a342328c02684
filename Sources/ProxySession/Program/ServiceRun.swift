import Logging
public import Platform
public import ServiceLifecycle
import Synchronization

/// Runs the one service of a program, and obeys the program's signals from before the service is made to its end.
///
/// The first SIGTERM or SIGINT stops the service in order, a second one at once. Nothing that hangs (a file, the security
/// library, a log without a reader) keeps the program: every wait has an end.
public final class ServiceRun: Sendable {
  private enum Phase {
    /// Nothing is served yet: the configuration is being read, for example.
    case preparing
    /// `isReady`: the service has finished its own start.
    case running(ServiceGroup, Task<Void, any Error>, drain: Duration, isReady: Bool)
  }

  private struct State {
    var phase = Phase.preparing
    var requests: StopRequests
  }

  /// How long the service's start may go on after a request to stop: a keytab may be on a file system that hangs.
  static let startLimit: Duration = .seconds(1)
  /// How long ending may take beyond the drain, sessions being reset and records written.
  static let endLimit: Duration = .seconds(5)

  private let label: String
  private let log: LogWriter
  private let state: Mutex<State>

  private init(label: String, hangUp: StopRequests.HangUp, log: LogWriter) {
    self.label = label
    self.log = log
    self.state = Mutex(State(requests: StopRequests(hangUp: hangUp)))
  }

  /// Takes over the program's signals. A request to stop ends the program with status 0, at once while nothing is served.
  public static func begin(
    label: String, hangUp: StopRequests.HangUp, log: LogWriter = .standardError
  ) -> ServiceRun {
    let run = ServiceRun(label: label, hangUp: hangUp, log: log)
    ProgramSignals.handle { run.received($0) }
    return run
  }

  /// Runs the service until it ends or is asked to.
  ///
  /// - Parameters:
  ///   - drain: how long the service lets its sessions go on after a request to stop.
  ///   - isReady: whether it serves already; else ``isReady()`` says when it does.
  /// - Throws: what the service does.
  public func run(_ service: any Service, drain: Duration, isReady: Bool = false) async throws {
    // The group's own lines say nothing that the service's do not.
    let quiet = self.log.makeLogger(label: self.label, level: .critical)
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [service], logger: quiet))
    let task = Task { try await group.run() }
    self.state.withLock { $0.phase = .running(group, task, drain: drain, isReady: isReady) }
    do {
      try await task.value
    } catch is CancellationError {
      // As asked.
    }
  }

  /// The service serves now.
  public func isReady() {
    self.state.withLock { state in
      if case .running(let group, let task, let drain, _) = state.phase {
        state.phase = .running(group, task, drain: drain, isReady: true)
      }
    }
  }

  /// On the thread that waits for signals.
  private func received(_ signal: ProgramSignal) {
    let (action, phase) = self.state.withLock { ($0.requests.received(signal), $0.phase) }
    switch (action, phase) {
    case (.ignore, _): break
    case (.reportHangUp, _):
      self.log.makeLogger(label: self.label, level: .notice).notice(
        "SIGHUP: nothing was reloaded", metadata: ["hint": "a changed configuration needs a restart"])
    case (.stop, .preparing), (.stopAtOnce, .preparing): endProcess(status: 0)
    case (.stop, .running(let group, _, let drain, _)):
      Task { await group.triggerGracefulShutdown() }
      self.watch(drain: drain)
    case (.stopAtOnce, .running(_, let task, _, _)):
      task.cancel()
      self.watch(drain: .zero)
    }
  }

  /// Ends the program should the service not end in time.
  private func watch(drain: Duration) {
    do throws(SystemError) {
      try SystemThread.start {
        SystemThread.pause(Self.startLimit)
        guard self.hasBecomeReady else { endProcess(status: 0) }
        SystemThread.pause(max(.zero, drain - Self.startLimit) + Self.endLimit)
        self.log.say("ended without waiting any longer for sessions that do not end", level: .error)
        endProcess(status: 0)
      }
    } catch {
      // Without a thread to watch it, the service ends by itself or not.
    }
  }

  private var hasBecomeReady: Bool {
    self.state.withLock { state in
      switch state.phase {
      case .preparing: false
      case .running(_, _, _, let isReady): isReady
      }
    }
  }
}
