internal import Glibc

/// A thread that lasts as long as the program, for work that blocks by its nature: writing a log, waiting for signals.
public enum SystemThread {
  /// What a thread runs, on its way there.
  private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts one. It takes no signals that this process handles: all of them are blocked in it, so that no call in it is
  /// interrupted, and so that writing to a terminal does not stop a program in the background (SIGTTOU).
  ///
  /// - Throws: what the system refused it with (`EAGAIN`: too many threads or processes).
  public static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var everything = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&everything)
    // A thread is born with the mask of the one that makes it.
    unsafe pthread_sigmask(SIG_SETMASK, &everything, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    var attributes = pthread_attr_t()
    var status = unsafe pthread_attr_init(&attributes)
    guard status == 0 else { throw SystemError(code: status) }
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let work = unsafe Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    status = unsafe pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, work.toOpaque())
    guard status == 0 else {
      unsafe work.release()
      throw SystemError(code: status)
    }
  }

  /// Blocks the calling thread for so long.
  public static func pause(_ duration: Duration) {
    var left = timespec(duration)
    var interrupted = timespec()
    while unsafe nanosleep(&left, &interrupted) != 0, errno == EINTR { left = interrupted }
  }
}

extension timespec {
  /// Nothing below zero.
  init(_ duration: Duration) {
    let (seconds, attoseconds) = max(.zero, duration).components
    self.init(tv_sec: Int(clamping: seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
  }
}
