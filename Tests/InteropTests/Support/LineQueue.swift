/// Lines as they come, for those who wait for them. Every wait has a limit.
actor LineQueue {
  /// Every line so far, for a failure's account.
  private(set) var all: [String] = []
  private var taken = 0
  private var isFinished = false
  private var waiters: [(number: Int, continuation: CheckedContinuation<Void, Never>)] = []
  private var count = 0

  func append(_ line: String) {
    all.append(line)
    wakeAll()
  }

  func finish() {
    isFinished = true
    wakeAll()
  }

  /// The next line that nobody has taken; `nil` at the end.
  func next(within limit: Duration) async throws -> String? {
    try await first(within: limit) { _ in true }
  }

  /// Takes lines up to the first that is wanted, and returns that one; `nil` at the end.
  func first(within limit: Duration, where isWanted: @Sendable (String) -> Bool) async throws -> String? {
    let end = ContinuousClock.now + limit
    while true {
      while taken < all.count {
        taken += 1
        if isWanted(all[taken - 1]) { return all[taken - 1] }
      }
      if isFinished { return nil }
      guard ContinuousClock.now < end else { throw LateError(waited: limit, last: all.suffix(20)) }
      await change(before: end)
    }
  }

  /// Waits until the lines that have come are as wanted.
  func wait(within limit: Duration, until isComplete: @Sendable ([String]) -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while !isComplete(all) {
      guard !isFinished, ContinuousClock.now < end else { throw LateError(waited: limit, last: all.suffix(20)) }
      await change(before: end)
    }
  }

  private func change(before end: ContinuousClock.Instant) async {
    count += 1
    let number = count
    let alarm = Task {
      try await Task.sleep(until: end, clock: .continuous)
      wake(number)
    }
    await withCheckedContinuation { waiters.append((number, $0)) }
    alarm.cancel()
  }

  private func wake(_ number: Int) {
    guard let index = waiters.firstIndex(where: { $0.number == number }) else { return }
    waiters.remove(at: index).continuation.resume()
  }

  private func wakeAll() {
    let woken = waiters
    waiters = []
    for waiter in woken { waiter.continuation.resume() }
  }
}

/// What was waited for did not come in time.
struct LateError: Error, CustomStringConvertible {
  let waited: Duration
  let last: [String]

  var description: String { "nothing of what was waited for in \(waited); the last lines: \(last)" }
}
