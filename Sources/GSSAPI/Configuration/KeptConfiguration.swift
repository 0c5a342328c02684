internal import CGSSAPI
internal import Synchronization

/// The library's configuration, kept in memory, and read again when one of its files has changed.
///
/// The library forgets what it has read from `krb5.conf` and the files that this includes with the last of its own
/// contexts, and makes and frees several of them in one handshake: without one that stays, it would read the files again
/// for each client. On the other hand it looks for changes of the top file alone as long as any context lives, so
/// changes of included files are looked for here, at most once in ``interval``.
///
/// Contexts that are in use then keep what they have read. So that new ones do not share it with them, the library is
/// given the top file under another spelling (``ConfigurationSpelling``), where the process has arranged for that.
final class KeptConfiguration: Sendable {
  static let interval = Duration.seconds(1)

  private struct State {
    var files: ConfigurationFiles?
    var checked: ContinuousClock.Instant?
    var isBeingChecked = false
    var context: KeptContext?
  }

  private let state = Mutex(State())

  /// Looks for changes, if it is time to. One thread does; the others go on with what there is.
  func keep() {
    let now = ContinuousClock.now
    let earlier: ConfigurationFiles?? = state.withLock { state in
      if state.isBeingChecked { return nil }
      if let checked = state.checked, now - checked < Self.interval { return nil }
      state.isBeingChecked = true
      return .some(state.files)
    }
    guard let earlier else { return }
    let files = ConfigurationFiles.current()
    if let earlier, earlier != files { ConfigurationSpelling.change() }
    let isNew = earlier != files
    let kept = isNew ? KeptContext() : nil
    let replaced: KeptContext? = state.withLock { state in
      state.isBeingChecked = false
      state.checked = now
      state.files = files
      // Without a context, because the files cannot be read, it is tried again each time.
      guard isNew || state.context == nil else { return nil }
      let replaced = state.context
      state.context = kept ?? KeptContext()
      return replaced
    }
    // Freed here, outside the lock.
    withExtendedLifetime(replaced) {}
  }
}

/// A context of the library that nobody does anything with.
@safe
private final class KeptContext: @unchecked Sendable {
  private let context: krb5_context

  /// `nil` when the configuration cannot be read: then each call says so.
  init?() {
    var context: krb5_context?
    guard unsafe krb5_init_context(&context) == 0, let context = unsafe context else { return nil }
    unsafe self.context = unsafe context
  }

  deinit { unsafe krb5_free_context(context) }
}
