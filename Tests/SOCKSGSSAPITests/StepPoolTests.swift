import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import SOCKSGSSAPI

@Suite struct StepPoolTests {
  /// Work that waits until it is let go.
  private struct Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func wait() {
      self.semaphore.wait()
      self.semaphore.signal()
    }
    func open() { self.semaphore.signal() }
  }

  /// Submits from the loop; the future fails when the pool refuses.
  private func submit<Value: Sendable>(
    _ pool: StepPool, _ loop: any EventLoop, _ work: @escaping @Sendable () -> Value
  ) -> EventLoopFuture<Value?> {
    loop.flatSubmit {
      let promise = loop.makePromise(of: Value?.self)
      let admitted = pool.submit(to: loop, work) { result in
        loop.preconditionInEventLoop()
        promise.succeed(result)
      }
      if !admitted { promise.fail(Refused()) }
      return promise.futureResult
    }
  }

  private struct Refused: Error {}

  @Test func stepsBeyondTheLimitAreRefused() async throws {
    let pool = StepPool(threads: 1, limit: 3)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let gate = Gate()
    let admitted = (0..<3).map { number in
      submit(pool, loop) {
        gate.wait()
        return number
      }
    }
    let refused = submit(pool, loop) { -1 }
    // Everything is submitted before the first step may end.
    try await loop.submit {}.get()
    #expect(pool.load == 3)
    gate.open()
    await #expect(throws: Refused.self) { try await refused.get() }
    for (number, future) in admitted.enumerated() { #expect(try await future.get() == number) }
    #expect(pool.load == 0)
    #expect(try await submit(pool, loop) { 9 }.get() == 9)
    await pool.shutdown()
  }

  @Test func completionsComeOnTheLoopThatAsked() async throws {
    let pool = StepPool(threads: 2, limit: 100)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let futures = group.makeIterator().flatMap { loop in
      (0..<20).map { number in
        submit(pool, loop) {
          // Not on a loop's thread: work may block.
          loop.inEventLoop ? -1 : number
        }.map { result in (loop.inEventLoop, result) }
      }
    }
    for (index, future) in futures.enumerated() {
      let (isOnLoop, result) = try await future.get()
      #expect(isOnLoop && result == index % 20)
    }
    await pool.shutdown()
    try await group.shutdownGracefully()
  }

  @Test func stepsThatWaitAreNotBegunAfterShutdown() async throws {
    let pool = StepPool(threads: 1, limit: 10)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let gate = Gate()
    let begun = Mutex(false)
    let hasBegun = loop.makePromise(of: Void.self)
    let running = submit(pool, loop) {
      hasBegun.succeed()
      gate.wait()
      return 1
    }
    try await hasBegun.futureResult.get()
    let waiting = submit(pool, loop) {
      begun.withLock { $0 = true }
      return 2
    }
    // Submitted before the shutdown begins.
    try await loop.submit {}.get()
    async let shutdown: Void = pool.shutdown()
    // What waits is cancelled first; only then the running step may end.
    #expect(try await waiting.get() == nil)
    gate.open()
    #expect(try await running.get() == 1)
    await shutdown
    #expect(!begun.withLock { $0 })
    // Late submissions are told at once, and the pool's count is right.
    let late = try await submit(pool, loop) { 3 }.get()
    #expect(late == nil)
    #expect(pool.load == 0)
    await pool.shutdown()
  }
}
