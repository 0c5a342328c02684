import NIOCore
import SOCKSNIO
import Synchronization

/// The timers of a gateway's connections: one set for each event loop, made when it is first wanted. Loops are as many as
/// threads, and live as long as the process.
final class LoopTimers: Sendable {
  private let timers = Mutex<[ObjectIdentifier: NIOLoopBound<CoarseTimers>]>([:])

  /// Those of the loop on which this is called.
  func timers(of eventLoop: any EventLoop) -> CoarseTimers {
    self.timers.withLock { timers in
      let key = ObjectIdentifier(eventLoop)
      if let known = timers[key] { return known }
      let made = NIOLoopBound(CoarseTimers(eventLoop: eventLoop), eventLoop: eventLoop)
      timers[key] = made
      return made
    }.value
  }
}
