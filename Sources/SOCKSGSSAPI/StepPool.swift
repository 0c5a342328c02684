public import NIOCore
import NIOPosix
import SOCKSCore
import Synchronization

/// The threads on which contexts are stepped: few of them, with a bounded queue in front.
///
/// A step may block: an initiator on a silent KDC for half a minute, an acceptor on its keytab, its replay cache and the
/// credential's lock. So no step runs on an event loop, and those who wait have a deadline of their own.
public final class StepPool: Sendable {
  private let threads: NIOThreadPool
  private let limit: Int
  private let underWay = Mutex(0)

  /// For the clients of a process that makes no pool of its own: four threads, started when it is first used, and up to 256
  /// steps waiting or running. It is never shut down.
  public static let shared = StepPool(threads: 4, limit: 256)

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - threads: acceptors gain nothing from more than two; initiators want as many as may hang on a KDC at once.
  ///   - limit: steps waiting or running at a time; further ones are refused at once.
  public init(threads: Int, limit: Int) {
    self.threads = NIOThreadPool(numberOfThreads: max(1, threads))
    self.limit = max(1, limit)
    self.threads.start()
  }

  /// Steps that wait or run now.
  public var load: Int { self.underWay.withLock { $0 } }

  /// Lets the threads end when their steps have. Steps that wait are not begun.
  public func shutdown() async {
    // The pool knows only one error here: that it was shut down already.
    _ = try? await self.threads.shutdownGracefully()
  }

  /// Lets the threads end, and waits for them no longer than the limit: a step may hang on a file or a silent KDC with nobody
  /// waiting for its result any more.
  public func shutdown(within limit: Duration) async {
    let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
    Task {
      await self.shutdown()
      continuation.finish()
    }
    let alarm = Task {
      try? await Task.sleep(for: limit)
      continuation.finish()
    }
    for await _ in ended {}
    alarm.cancel()
  }

  /// Runs `work` on a thread of the pool, then `completion` on the event loop, which must be the current one. The result
  /// is nil when the pool was shut down first.
  ///
  /// - Returns: false when the queue is full; neither is called then.
  public func submit<Result: Sendable>(
    to eventLoop: any EventLoop, _ work: @escaping @Sendable () -> Result,
    completion: @escaping (Result?) -> Void
  ) -> Bool {
    let admitted = self.underWay.withLock { count in
      guard count < self.limit else { return false }
      count += 1
      return true
    }
    guard admitted else { return false }
    let completion = NIOLoopBound(completion, eventLoop: eventLoop)
    self.threads.submit { state in
      let result: Result? =
        switch state {
        case .active: work()
        case .cancelled: nil
        }
      self.underWay.withLock { $0 -= 1 }
      eventLoop.execute { completion.value(result) }
    }
    return true
  }
}
