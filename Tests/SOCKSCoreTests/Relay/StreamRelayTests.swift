import SOCKSCore
import Testing

@Suite struct StreamRelayTests {
  typealias Actions = StreamRelay.Actions

  @Test func bothSidesAreReadFromTheBeginning() {
    var relay = StreamRelay(highWaterMark: 100)
    let actions = relay.began()
    #expect(actions == [.readClient, .readTarget])
    #expect(!relay.isHalfClosed)
  }

  /// What is asked for after a read of so many octets, and after these have been written.
  @Test(
    arguments: [(0, true), (1, true), (99, true), (100, false), (101, false), (1_000_000, false)],
    StreamRelay.Side.allCases)
  func readsWaitForWrites(_ row: (count: Int, readsOn: Bool), side: StreamRelay.Side) {
    let read: Actions = side == .client ? .readClient : .readTarget
    var relay = StreamRelay(highWaterMark: 100)
    _ = relay.began()
    relay.received(row.count, from: side)
    let next = relay.readCompleted(side)
    #expect(next == (row.readsOn ? read : []))
    guard !row.readsOn else { return }
    let stillFull = relay.written(row.count - 100, to: side.other)
    #expect(stillFull == [])
    let below = relay.written(1, to: side.other)
    #expect(below == read)
    let onlyOnce = relay.written(1, to: side.other)
    #expect(onlyOnce == [])
  }

  @Test(arguments: StreamRelay.Side.allCases)
  func anEndIsForwardedAfterTheLastOctet(side: StreamRelay.Side) {
    let end: Actions = side == .client ? .endTargetOutput : .endClientOutput
    var relay = StreamRelay(highWaterMark: 100)
    _ = relay.began()
    relay.received(10, from: side)
    let waiting = relay.receivedEnd(from: side)
    #expect(waiting == [])
    #expect(relay.isHalfClosed)
    let completed = relay.readCompleted(side)
    #expect(completed == [])
    let notYet = relay.written(9, to: side.other)
    #expect(notYet == [])
    let now = relay.written(1, to: side.other)
    #expect(now == end)
    let onlyOnce = relay.written(0, to: side.other)
    #expect(onlyOnce == [])
    let again = relay.receivedEnd(from: side)
    #expect(again == [])
  }

  @Test(arguments: StreamRelay.Side.allCases)
  func theOtherDirectionGoesOnAfterAnEnd(side: StreamRelay.Side) {
    let read: Actions = side == .client ? .readTarget : .readClient
    var relay = StreamRelay(highWaterMark: 100)
    _ = relay.began()
    _ = relay.receivedEnd(from: side)
    relay.received(500, from: side.other)
    _ = relay.readCompleted(side.other)
    let actions = relay.written(500, to: side)
    #expect(actions == read)
    let last = relay.receivedEnd(from: side.other)
    #expect(last == [side == .client ? .endClientOutput : .endTargetOutput, .finish])
  }

  /// With both streams ended, octets may still wait for a slow reader: that is no time for long patience.
  @Test(arguments: StreamRelay.Side.allCases)
  func theHalfClosedStateLastsFromTheFirstEnd(side: StreamRelay.Side) {
    var relay = StreamRelay(highWaterMark: 100)
    _ = relay.began()
    relay.received(1, from: side)
    _ = relay.receivedEnd(from: side)
    #expect(relay.isHalfClosed)
    let waiting = relay.receivedEnd(from: side.other)
    #expect(!waiting.contains(.finish) && relay.isHalfClosed)
  }

  @Test func nothingHappensAfterTheFinish() {
    var relay = StreamRelay(highWaterMark: 1)
    _ = relay.began()
    _ = relay.receivedEnd(from: .client)
    let finish = relay.receivedEnd(from: .target)
    #expect(finish == [.endClientOutput, .finish])
    for side in StreamRelay.Side.allCases {
      relay.received(7, from: side)
      let late = [relay.readCompleted(side), relay.written(7, to: side), relay.receivedEnd(from: side)]
      #expect(late == [[], [], []])
    }
    let begunAgain = relay.began()
    #expect(begunAgain == [])
    #expect(relay.octetsFromClient == 0 && relay.octetsFromTarget == 0)
  }

  @Test func octetsAreCountedPerDirection() {
    var relay = StreamRelay(highWaterMark: 10)
    _ = relay.began()
    relay.received(3, from: .client)
    relay.received(4, from: .client)
    relay.received(5, from: .target)
    relay.received(0, from: .target)
    relay.received(-1, from: .target)
    #expect(relay.octetsFromClient == 7 && relay.octetsFromTarget == 5)
  }

  @Test(arguments: [Int.min, -1, 0, 1])
  func aMarkIsAtLeastOne(mark: Int) {
    #expect(StreamRelay(highWaterMark: mark).highWaterMark == 1)
  }

  /// A slip of the caller's, which must not make room for more.
  @Test func moreWrittenThanReadIsNothing() {
    var relay = StreamRelay(highWaterMark: 10)
    _ = relay.began()
    _ = relay.written(1_000, to: .target)
    relay.received(10, from: .client)
    let full = relay.readCompleted(.client)
    #expect(full == [])
  }
}
