import NIOCore
import NIOEmbedded
import Testing

@testable import SOCKSNIO

@Suite struct CoarseTimersTests {
  /// What has ended, in order.
  private final class Log {
    var names: [String] = []
  }

  private let loop = EmbeddedEventLoop()
  private let log = Log()

  private func start(_ name: String, in time: TimeAmount, of timers: CoarseTimers) -> CoarseTimers.Timer {
    let log = self.log
    return timers.start(in: time) { log.names.append(name) }
  }

  /// Never early, and late by a 64th or by a little more than a second at most, whatever the time is when it begins.
  @Test(arguments: [
    TimeAmount.zero, .nanoseconds(1), .microseconds(1), .milliseconds(1), .milliseconds(200), .seconds(1), .seconds(10),
    .seconds(64), .seconds(70), .minutes(10), .hours(2), .hours(24 * 30), .hours(24 * 365),
  ])
  func endsInTime(time: TimeAmount) {
    let timers = CoarseTimers(eventLoop: self.loop)
    let lateness = min(TimeAmount.nanoseconds(time.nanoseconds / 64 + 1), TimeAmount.milliseconds(1_074))
    for offset in [TimeAmount.nanoseconds(0), .nanoseconds(1), .microseconds(333), .seconds(7)] {
      self.loop.advanceTime(by: offset)
      self.log.names = []
      _ = self.start("a", in: time, of: timers)
      if time > .zero {
        self.loop.advanceTime(by: time - .nanoseconds(1))
        #expect(self.log.names.isEmpty)
        self.loop.advanceTime(by: .nanoseconds(1))
      }
      self.loop.advanceTime(by: lateness)
      #expect(self.log.names == ["a"])
      self.loop.advanceTime(by: time)
      #expect(self.log.names == ["a"], "once")
    }
  }

  @Test func timesBeyondAllBoundsAreTamed() {
    let timers = CoarseTimers(eventLoop: self.loop)
    _ = self.start("past", in: .nanoseconds(.min), of: timers)
    _ = self.start("never", in: .nanoseconds(.max), of: timers)
    self.loop.advanceTime(by: .nanoseconds(1))
    #expect(self.log.names == ["past"])
  }

  @Test func oneThatIsCancelledCallsNobody() {
    let timers = CoarseTimers(eventLoop: self.loop)
    let first = self.start("first", in: .seconds(10), of: timers)
    let second = self.start("second", in: .seconds(10), of: timers)
    first.cancel()
    first.cancel()
    self.loop.advanceTime(by: .seconds(11))
    #expect(self.log.names == ["second"])
    second.cancel()
    // What was emptied is filled again.
    let third = self.start("third", in: .seconds(10), of: timers)
    third.cancel()
    _ = self.start("fourth", in: .seconds(10), of: timers)
    self.loop.advanceTime(by: .seconds(11))
    #expect(self.log.names == ["second", "fourth"])
  }

  /// Many that come and go one by one, with others beside them that stay.
  @Test func thoseThatStayAreNotLost() {
    let timers = CoarseTimers(eventLoop: self.loop)
    var expected: [String] = []
    for second in 0..<200 {
      for kind in [TimeAmount.seconds(30), .minutes(10), .hours(1)] {
        let short = self.start("short", in: kind, of: timers)
        if second.isMultiple(of: 10) {
          _ = self.start("\(second)", in: .hours(1), of: timers)
          expected.append("\(second)")
        }
        short.cancel()
      }
      self.loop.advanceTime(by: .seconds(1))
    }
    #expect(self.log.names.isEmpty)
    self.loop.advanceTime(by: .hours(2))
    #expect(self.log.names == expected)
  }

  @Test func oneThatEndsMayCancelAndStartOthers() {
    let timers = CoarseTimers(eventLoop: self.loop)
    let log = self.log
    var second: CoarseTimers.Timer?
    _ = timers.start(in: .seconds(10)) {
      log.names.append("first")
      second?.cancel()
      _ = timers.start(in: .zero) { log.names.append("third") }
    }
    second = self.start("second", in: .seconds(10), of: timers)
    self.loop.advanceTime(by: .seconds(11))
    #expect(self.log.names == ["first", "third"])
  }

  /// A turn of the loop ends a few; the rest follow in later ones, still open to being cancelled.
  @Test func oneTurnEndsAFew() {
    let timers = CoarseTimers(eventLoop: self.loop)
    let count = 3 * CoarseTimers.endsPerTurn + 1
    var all: [CoarseTimers.Timer] = []
    var turns: [Int] = []
    let log = self.log
    for index in 0..<count {
      all.append(
        timers.start(in: .seconds(10)) {
          log.names.append("\(index)")
          // Behind those of its turn, in front of the next ones.
          if index.isMultiple(of: CoarseTimers.endsPerTurn) {
            self.loop.assumeIsolated().execute { turns.append(log.names.count) }
          }
          if index == 0 { all[count - 1].cancel() }
        })
    }
    self.loop.advanceTime(by: .seconds(11))
    #expect(self.log.names == (0..<count - 1).map { "\($0)" })
    #expect(turns.prefix(3) == [64, 128, 192])
  }

  @Test func nobodyIsCalledWhenTheyAreGone() {
    var timers: CoarseTimers? = CoarseTimers(eventLoop: self.loop)
    let timer = timers.map { self.start("a", in: .seconds(10), of: $0) }
    timers = nil
    timer?.cancel()
    self.loop.advanceTime(by: .seconds(11))
    #expect(self.log.names.isEmpty)
  }
}
