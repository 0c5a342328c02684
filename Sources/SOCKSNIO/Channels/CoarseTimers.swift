public import NIOCore

/// Timers of many connections on one event loop. They may end late, by a 64th of their time and by no more than about a
/// second, and never early.
///
/// An event loop looks through all of its timers for one that is cancelled. Nearly every timer of a connection is, and the
/// idle ones' are many: with thousands of them that search would be most of what the end of a connection costs. Here
/// timers that end at about the same time share one of the loop's, and one that is cancelled is found at once.
///
/// Belongs to one event loop. A timer lasts as long as this does.
public final class CoarseTimers {
  /// One timer that has been started. Calls nobody once it is cancelled.
  public struct Timer {
    fileprivate let bucket: Bucket
    fileprivate let number: UInt64

    /// Does nothing when the timer has ended.
    public func cancel() { self.bucket.cancel(self.number) }
  }

  /// What ends together.
  fileprivate final class Bucket {
    let end: End
    weak var timers: CoarseTimers?
    var bodies: [UInt64: () -> Void] = [:]
    var loopTimer: Scheduled<Void>?
    /// Whether it is among those that are kept although nothing is in them.
    var isKept = false

    init(end: End, timers: CoarseTimers) {
      self.end = end
      self.timers = timers
    }

    func cancel(_ number: UInt64) {
      guard self.bodies.removeValue(forKey: number) != nil, self.bodies.isEmpty else { return }
      self.timers?.keep(self)
    }
  }

  /// A point in time, in units of 2^exponent nanoseconds.
  fileprivate struct End: Hashable {
    let exponent: UInt64
    let units: UInt64

    var deadline: NIODeadline { .uptimeNanoseconds(self.units << self.exponent) }
  }

  /// About a second.
  private static let largestUnit: UInt64 = 30
  private static let longest = TimeAmount.hours(24 * 366 * 10)
  /// Ends in one turn of the event loop.
  static let endsPerTurn = 64
  /// Empty buckets whose timers are left to the loop: connections that come and go one by one fill the same ones again.
  private static let keptBuckets = 16

  private let eventLoop: any EventLoop
  private let largestExponent: UInt64
  private var buckets: [End: Bucket] = [:]
  private var kept: CircularBuffer<Bucket> = []
  private var lastNumber: UInt64 = 0

  /// - Parameter isExact: whether timers end in time instead, which few can share then.
  public init(eventLoop: any EventLoop, isExact: Bool = false) {
    self.eventLoop = eventLoop
    self.largestExponent = isExact ? 0 : Self.largestUnit
  }

  /// Calls `body` on the event loop when the time is over.
  public func start(in time: TimeAmount, _ body: @escaping () -> Void) -> Timer {
    let time = min(max(time, .zero), Self.longest)
    let bucket = self.bucket(self.end(after: time))
    self.lastNumber += 1
    bucket.bodies[self.lastNumber] = body
    return Timer(bucket: bucket, number: self.lastNumber)
  }

  private func end(after time: TimeAmount) -> End {
    let nanoseconds = UInt64(clamping: time.nanoseconds)
    let bits = UInt64(UInt64.bitWidth - nanoseconds.leadingZeroBitCount)
    let exponent = min(bits > 7 ? bits - 7 : 0, self.largestExponent)
    let end = (self.eventLoop.now + time).uptimeNanoseconds
    return End(exponent: exponent, units: (end >> exponent) + (end & ((1 << exponent) - 1) == 0 ? 0 : 1))
  }

  private func bucket(_ end: End) -> Bucket {
    if let known = self.buckets[end] { return known }
    let bucket = Bucket(end: end, timers: self)
    self.buckets[end] = bucket
    bucket.loopTimer = self.eventLoop.assumeIsolated().scheduleTask(deadline: end.deadline) { [weak self] in
      guard let self else { return }
      self.buckets[end] = nil
      self.finish(bucket, bucket.bodies.keys.sorted()[...])
    }
    return bucket
  }

  /// Calls who waits, in the order in which they began to, and not all in one turn.
  private func finish(_ bucket: Bucket, _ numbers: ArraySlice<UInt64>) {
    for number in numbers.prefix(Self.endsPerTurn) {
      // One that was called may have cancelled another.
      bucket.bodies.removeValue(forKey: number)?()
    }
    let rest = numbers.dropFirst(Self.endsPerTurn)
    guard !rest.isEmpty else { return }
    self.eventLoop.assumeIsolated().execute { self.finish(bucket, rest) }
  }

  /// Nothing is left in a bucket.
  private func keep(_ bucket: Bucket) {
    guard !bucket.isKept, self.buckets[bucket.end] === bucket else { return }
    bucket.isKept = true
    self.kept.append(bucket)
    guard self.kept.count > Self.keptBuckets, let oldest = self.kept.popFirst() else { return }
    oldest.isKept = false
    guard oldest.bodies.isEmpty, self.buckets[oldest.end] === oldest else { return }
    self.buckets[oldest.end] = nil
    oldest.loopTimer?.cancel()
  }
}
