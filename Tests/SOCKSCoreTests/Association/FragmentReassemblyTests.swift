import NIOCore
import SOCKSCore
import Testing

@Suite struct FragmentReassemblyTests {
  typealias Outcome = FragmentReassembly.Outcome

  static let target = SOCKSAddress(.v4(0xC000_0201), port: 53)

  private func receive(
    _ reassembly: inout FragmentReassembly, _ fragment: UInt8, _ octets: [UInt8] = [],
    to destination: SOCKSAddress = Self.target
  ) -> Outcome {
    reassembly.received(UDPRequestHeader(fragment: fragment, destination: destination), ByteBuffer(bytes: octets))
  }

  @Test func aWholeDatagramPasses() {
    var reassembly = FragmentReassembly()
    #expect(self.receive(&reassembly, 0x00, [1]) == Outcome(whole: ByteBuffer(bytes: [1])))
    #expect(self.receive(&reassembly, 0x00) == Outcome(whole: ByteBuffer()))
    #expect(!reassembly.isCollecting)
  }

  @Test(arguments: 1...127)
  func sequencesOfEveryLength(count: Int) {
    var reassembly = FragmentReassembly()
    // Twice: nothing of the first is left for the second.
    for _ in 0..<2 {
      for position in 1..<count {
        let outcome = self.receive(&reassembly, UInt8(position), [UInt8(position)])
        #expect(outcome == Outcome(timer: position == 1 ? .start : .unchanged))
      }
      let last = self.receive(&reassembly, 0x80 | UInt8(count), [UInt8(count)])
      let whole = ByteBuffer(bytes: (1...count).map { UInt8($0) })
      #expect(last == Outcome(whole: whole, timer: count == 1 ? .unchanged : .stop))
      #expect(!reassembly.isCollecting)
    }
  }

  /// "a FRAG field whose value is less than the highest FRAG value processed for this fragment sequence"; zero too.
  @Test func aLowerPositionAbandonsTheSequence() {
    for next in [0x00, 0x01, 0x02, 0x03, 0x81, 0x82, 0x83] as [UInt8] {
      var reassembly = FragmentReassembly()
      for position in 1...3 { _ = self.receive(&reassembly, UInt8(position), [UInt8(position)]) }
      let outcome = self.receive(&reassembly, next, [9])
      switch next {
      case 0x00, 0x81: #expect(outcome == Outcome(whole: ByteBuffer(bytes: [9]), abandoned: 3, timer: .stop))
      case 0x01: #expect(outcome == Outcome(abandoned: 3, timer: .start))
      default: #expect(outcome == Outcome(abandoned: 4, timer: .stop))
      }
      // What follows does not join what was abandoned.
      let end = self.receive(&reassembly, 0x84, [4])
      #expect(end.whole == nil)
    }
  }

  /// The first of the next sequence must not be taken for a copy of this one's.
  @Test func aSecondBeginningBeginsAnew() {
    var reassembly = FragmentReassembly()
    _ = self.receive(&reassembly, 0x01, [1])
    #expect(self.receive(&reassembly, 0x01, [7]) == Outcome(abandoned: 1, timer: .start))
    #expect(self.receive(&reassembly, 0x82, [8]).whole == ByteBuffer(bytes: [7, 8]))
  }

  @Test func aMissingFragmentAbandonsTheSequence() {
    for (before, next) in [(1, 3), (1, 127), (5, 7)] as [(UInt8, UInt8)] {
      for last in [0x00, 0x80] as [UInt8] {
        var reassembly = FragmentReassembly()
        for position in 1...before { _ = self.receive(&reassembly, position, [1]) }
        #expect(self.receive(&reassembly, last | next, [1]) == Outcome(abandoned: Int(before) + 1, timer: .stop))
        #expect(!reassembly.isCollecting)
      }
    }
  }

  @Test func nothingBeginsInTheMiddle() {
    for fragment in UInt8(2)...UInt8.max where fragment != 0x81 {
      var reassembly = FragmentReassembly()
      #expect(self.receive(&reassembly, fragment, [1]) == Outcome(abandoned: 1))
    }
  }

  @Test func anotherTargetIsAnotherSequence() throws {
    let others = [
      SOCKSAddress(.v4(0xC000_0202), port: 53), SOCKSAddress(.v4(0xC000_0201), port: 54),
      SOCKSAddress(host: .name(try HostName("a")), port: 53),
    ]
    for other in others {
      var reassembly = FragmentReassembly()
      _ = self.receive(&reassembly, 0x01, [1])
      #expect(self.receive(&reassembly, 0x82, [2], to: other) == Outcome(abandoned: 2, timer: .stop))
    }
  }

  @Test func theTimerAbandonsTheSequence() {
    var reassembly = FragmentReassembly()
    _ = self.receive(&reassembly, 0x01, [1])
    _ = self.receive(&reassembly, 0x02, [2])
    #expect(reassembly.isCollecting)
    #expect(reassembly.timerExpired().abandoned == 2)
    #expect(self.receive(&reassembly, 0x83, [3]) == Outcome(abandoned: 1))
    #expect(reassembly.timerExpired() == Outcome())
    #expect(FragmentReassembly.timeout >= .seconds(5))
  }

  @Test func aSequenceHasABound() {
    let half = [UInt8](repeating: 1, count: FragmentReassembly.maximumOctets / 2)
    var reassembly = FragmentReassembly()
    _ = self.receive(&reassembly, 0x01, half)
    _ = self.receive(&reassembly, 0x02, half)
    #expect(self.receive(&reassembly, 0x03, [1]) == Outcome(abandoned: 3, timer: .stop))
    _ = self.receive(&reassembly, 0x01, half)
    #expect(self.receive(&reassembly, 0x82, half).whole?.readableBytes == FragmentReassembly.maximumOctets)
    #expect(self.receive(&reassembly, 0x01, half + half + [1]) == Outcome(abandoned: 1))
  }
}
