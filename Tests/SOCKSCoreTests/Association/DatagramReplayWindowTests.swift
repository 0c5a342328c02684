import SOCKSCore
import SOCKSTestSupport
import Testing

@Suite struct DatagramReplayWindowTests {
  /// The same rules with a list of everything that was ever seen.
  struct Model {
    let first: UInt64
    let width: UInt64
    var seen: [Bool] = []

    mutating func admit(_ number: UInt64) -> DatagramReplayWindow.Verdict {
      guard number >= self.first else { return .repeated }
      let position = Int(number - self.first)
      if position < self.seen.count, self.seen.count - position > Int(self.width) { return .late }
      while self.seen.count <= position { self.seen.append(false) }
      if self.seen[position] { return .repeated }
      self.seen[position] = true
      return .fresh
    }
  }

  /// A million datagrams, of which 5 % are lost and 5 % come twice, in any order within 1,000, with gaps up to 10,000.
  @Test(arguments: [1_024, 4_096])
  func agreesWithAModelThatForgetsNothing(width: Int) {
    var random = SeededGenerator(seed: UInt64(width))
    let first = UInt64(1) << 30
    var number = first
    // When each comes, in the high bits, and which it is.
    var deliveries: [(time: Int, number: UInt64)] = []
    for time in 0..<1_000_000 {
      number += random.next() % 20_000 == 0 ? random.next() % 10_000 + 1 : 1
      let fate = random.next() % 100
      guard fate >= 5 else { continue }
      deliveries.append((time + Int(random.next() % 1_000), number))
      guard fate < 10 else { continue }
      // Most copies come soon, some when the window has long passed.
      let delay = random.next() % 4 == 0 ? random.next() % 20_000 : random.next() % 1_000
      deliveries.append((time + Int(delay), number))
    }
    deliveries.sort { $0.time < $1.time }

    var window = DatagramReplayWindow(from: first, width: width)
    var model = Model(first: first, width: UInt64(width))
    var counts = [DatagramReplayWindow.Verdict: Int]()
    var disagreements = 0
    for delivery in deliveries {
      let verdict = window.admit(delivery.number)
      counts[verdict, default: 0] += 1
      if verdict != model.admit(delivery.number) { disagreements += 1 }
    }
    #expect(disagreements == 0)
    // All three verdicts have been given, and most datagrams were used.
    #expect(counts[.fresh, default: 0] > 900_000)
    #expect(counts[.repeated, default: 0] > 30_000 && counts[.late, default: 0] > 1_000)
  }

  /// Numbers anywhere, which no honest network delivers.
  @Test func agreesOnNumbersInAnyOrder() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let first = random.next() % 100
      var window = DatagramReplayWindow(from: first, width: 1_024)
      var model = Model(first: first, width: 1_024)
      let spread = [10, 64, 1_100, 5_000][Int(random.next() % 4)]
      for _ in 0..<2_000 {
        let number = random.next() % UInt64(spread)
        #expect(window.admit(number) == model.admit(number))
      }
    }
  }

  @Test func whatCameOnTheControlConnectionIsSeen() {
    var window = DatagramReplayWindow(from: 1_000)
    for number in [0, 1, 998, 999] as [UInt64] { #expect(window.admit(number) == .repeated) }
    #expect(window.admit(1_000) == .fresh)
  }

  /// Exactly `width` numbers can be told apart, wherever the highest lies in its word.
  @Test func theWidthIsExact() {
    for highest in UInt64(5_000)..<5_130 {
      var window = DatagramReplayWindow(from: 0, width: 1_024)
      #expect(window.admit(highest) == .fresh)
      #expect(window.admit(highest - 1_024) == .late)
      #expect(window.admit(highest - 1_023) == .fresh && window.admit(highest - 1_023) == .repeated)
    }
  }

  /// MIT's window called 40 of 63 new datagrams repeated after a gap like these.
  @Test(arguments: [1, 62, 63, 64, 65, 127, 128, 1_023, 1_024, 4_095, 4_096, 4_159, 4_160, 4_161, 1 << 20, 1 << 40])
  func nothingNewIsLostAfterAGap(gap: UInt64) {
    var window = DatagramReplayWindow(from: 0)
    for number in 0..<UInt64(5_000) { #expect(window.admit(number) == .fresh) }
    let highest = 4_999 + gap
    #expect(window.admit(highest) == .fresh)
    // Late ones of the gap, from the newest to the oldest that the window reaches.
    for age in 1..<min(gap, 4_096) { #expect(window.admit(highest - age) == .fresh) }
    for age in 0..<UInt64(4_096) { #expect(window.admit(highest - age) == .repeated) }
  }

  @Test func theLastNumbersOfAllAreNotATrap() {
    var window = DatagramReplayWindow(from: 0)
    #expect(window.admit(.max) == .late)
    #expect(window.admit(.max - 1) == .fresh && window.admit(.max - 1) == .repeated)
    #expect(window.admit(0) == .late)
    var offset = DatagramReplayWindow(from: .max)
    #expect(offset.admit(.max) == .fresh && offset.admit(.max) == .repeated && offset.admit(0) == .repeated)
  }

  @Test(arguments: [(-1, 1_024), (0, 1_024), (1_024, 1_024), (1_025, 1_088), (4_096, 4_096)])
  func noWindowIsNarrowerThanPromised(asked: Int, width: UInt64) {
    #expect(DatagramReplayWindow(from: 0, width: asked).width == width)
    #expect(DatagramReplayWindow(from: 0).width == 4_096)
  }
}
