internal import Glibc

/// A value behind a lock, and a way to wait for what others make of it. `Mutex` cannot wait.
@safe
final class Monitor<State>: @unchecked Sendable {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Touched with the lock held only.
  private var state: State

  init(_ state: State) {
    self.state = state
    unsafe self.lock.initialize(to: pthread_mutex_t())
    unsafe self.changed.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(self.lock, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    // The time of day may be set while somebody waits.
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(self.changed, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(self.changed)
    unsafe pthread_mutex_destroy(self.lock)
    unsafe self.changed.deallocate()
    unsafe self.lock.deallocate()
  }

  func withLock<Result>(_ body: (inout State) -> Result) -> Result {
    unsafe pthread_mutex_lock(self.lock)
    defer { unsafe pthread_mutex_unlock(self.lock) }
    return body(&self.state)
  }

  /// Wakes those who wait.
  func wakeAll() { unsafe pthread_cond_broadcast(self.changed) }

  /// Asks again and again, whenever woken, until there is an answer.
  func waitFor<Result>(_ body: (inout State) -> Result?) -> Result {
    unsafe pthread_mutex_lock(self.lock)
    defer { unsafe pthread_mutex_unlock(self.lock) }
    while true {
      if let result = body(&self.state) { return result }
      unsafe pthread_cond_wait(self.changed, self.lock)
    }
  }

  /// Asks again whenever woken or after `interval`, whichever comes first, until there is an answer.
  func waitFor<Result>(polling interval: Duration, _ body: (inout State) -> Result?) -> Result {
    unsafe pthread_mutex_lock(self.lock)
    defer { unsafe pthread_mutex_unlock(self.lock) }
    while true {
      if let result = body(&self.state) { return result }
      var time = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      var end = timespec(.seconds(time.tv_sec) + .nanoseconds(time.tv_nsec) + interval)
      unsafe pthread_cond_timedwait(self.changed, self.lock, &end)
    }
  }
}
