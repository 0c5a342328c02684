public import NIOCore
import Synchronization

/// One value for each event loop, made when it is first wanted. Loops are as many as threads, and live as long as the
/// process.
public final class LoopLocal<Value>: Sendable {
  private let make: @Sendable () -> Value
  private let values = Mutex<[ObjectIdentifier: NIOLoopBound<Value>]>([:])

  public init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  /// That of the loop on which this is called.
  public func value(of eventLoop: any EventLoop) -> Value {
    self.values.withLock { values in
      let key = ObjectIdentifier(eventLoop)
      if let known = values[key] { return known }
      let made = NIOLoopBound(self.make(), eventLoop: eventLoop)
      values[key] = made
      return made
    }.value
  }
}
