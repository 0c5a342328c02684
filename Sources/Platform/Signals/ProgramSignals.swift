internal import Glibc
internal import Synchronization

/// The signals of a program, from its first moment on.
///
/// A handler passes them to a thread through a pipe, and every other thread blocks them: nothing is interrupted by them, and
/// there is no moment in which one is lost or ends the program before its time. Each command says what becomes of them.
@safe
public enum ProgramSignals {
  private enum State {
    /// Nobody has said yet. Signals wait, the first of each kind.
    case held([ProgramSignal])
    case handled(@Sendable (ProgramSignal) -> Void)
    case defaults
  }

  private static let state = Mutex<State>(.held([]))
  /// What there was before.
  private static let actions = Mutex<[(signal: ProgramSignal, action: sigaction)]>([])
  /// The reading and the writing end. Outside Swift's memory, for the handler to read; made before there is one.
  private nonisolated(unsafe) static let pipe = UnsafeMutablePointer<Int32>.allocate(capacity: 2)

  /// To be called first in a program, before there is a second thread. SIGHUP stays ignored where it was, as under nohup.
  public static func hold() {
    unsafe self.pipe.initialize(repeating: -1, count: 2)
    guard unsafe Glibc.pipe(self.pipe) == 0 else { return }
    for end in 0..<2 {
      let descriptor = unsafe self.pipe[end]
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
    // The handler must not wait.
    _ = unsafe fcntl(self.pipe[1], F_SETFL, O_NONBLOCK)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in ProgramSignal.allCases where signal != .hangUp || !self.isIgnored(signal) {
      unsafe sigaddset(&signals, signal.rawValue)
    }
    // Inherited by all threads to come. The first thread is the exception: it has nothing to do later than to wait, and it
    // lets signals in then.
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    // Before any thread lets them in.
    for signal in ProgramSignal.allCases where unsafe sigismember(&signals, signal.rawValue) == 1 {
      self.install(signal)
    }
    let watched = signals
    do throws(SystemError) {
      try SystemThread.start {
        var watched = watched
        unsafe pthread_sigmask(SIG_UNBLOCK, &watched, nil)
        self.passOn()
      }
    } catch {
      // Without a thread they do what they do by default.
      self.useDefaults()
      unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
  }

  /// From now on `body` is called for each signal, on a thread that it may block, and now for those that have come already.
  public static func handle(_ body: @escaping @Sendable (ProgramSignal) -> Void) {
    for signal in self.change(to: .handled(body)) { body(signal) }
  }

  /// From now on signals do what they did before ``hold()``, and those that have come already do so now.
  public static func useDefaults() {
    let held = self.change(to: .defaults)
    self.actions.withLock { actions in
      for (signal, action) in actions {
        var action = action
        _ = unsafe sigaction(signal.rawValue, &action, nil)
      }
      actions = []
    }
    for signal in held { kill(getpid(), signal.rawValue) }
  }

  private static func change(to new: State) -> [ProgramSignal] {
    self.state.withLock { state in
      defer { state = new }
      return if case .held(let signals) = state { signals } else { [] }
    }
  }

  private static func install(_ signal: ProgramSignal) {
    var action = sigaction()
    action.sa_flags = SA_RESTART
    unsafe action.__sigaction_handler.sa_handler = { number in
      // Nothing here but calls that POSIX allows in a handler. A pipe that is full has enough in it.
      let before = errno
      var byte = UInt8(clamping: number)
      _ = unsafe write(ProgramSignals.pipe[1], &byte, 1)
      errno = before
    }
    var before = sigaction()
    guard unsafe sigaction(signal.rawValue, &action, &before) == 0 else { return }
    self.actions.withLock { $0.append((signal, before)) }
  }

  /// On the thread for signals.
  private static func passOn() {
    var byte: UInt8 = 0
    while true {
      let count = unsafe read(self.pipe[0], &byte, 1)
      guard count == 1, let signal = ProgramSignal(rawValue: Int32(byte)) else {
        if count < 0, errno != EINTR { return }
        continue
      }
      let state = self.state.withLock { state in
        if case .held(let held) = state, !held.contains(signal) { state = .held(held + [signal]) }
        return state
      }
      switch state {
      case .held: break
      case .handled(let body): body(signal)
      // It came in the moment before the change.
      case .defaults: kill(getpid(), signal.rawValue)
      }
    }
  }

  private static func isIgnored(_ signal: ProgramSignal) -> Bool {
    var action = sigaction()
    guard unsafe sigaction(signal.rawValue, nil, &action) == 0 else { return false }
    return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
