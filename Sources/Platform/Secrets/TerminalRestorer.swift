internal import Glibc

/// Gives a terminal its settings back when a signal ends the process while they are others.
@safe
enum TerminalRestorer {
  /// Those that end a process on a terminal from outside.
  private static let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM]
  /// Outside Swift's memory, for a signal's handler to read. One prompt at a time.
  private nonisolated(unsafe) static let saved = UnsafeMutablePointer<termios>.allocate(capacity: 1)

  /// Runs `body`, during which a signal first brings `settings` back to standard input's terminal, and then does what it
  /// would have done. A signal that is ignored stays so.
  static func restoring<Result>(
    _ settings: termios, _ body: () throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    unsafe self.saved.initialize(to: settings)
    var before: [(number: CInt, action: sigaction)] = []
    for number in self.signals {
      var old = sigaction()
      guard unsafe sigaction(number, nil, &old) == 0, !self.isIgnored(old) else { continue }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        // Nothing here but calls that POSIX allows in a handler.
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, TerminalRestorer.saved)
        _ = signal(number, SIG_DFL)
        raise(number)
      }
      if unsafe sigaction(number, &action, nil) == 0 { before.append((number, old)) }
    }
    defer {
      for (number, action) in before {
        var action = action
        _ = unsafe sigaction(number, &action, nil)
      }
    }
    return try body()
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
