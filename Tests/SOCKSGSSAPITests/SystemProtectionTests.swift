import NIOCore
import SOCKSCore
import Testing

@testable import SOCKSGSSAPI
@testable import SOCKSNIO

@Suite struct SystemProtectionTests {
  @Test func levelMessagesCross() async throws {
    let (down, up) = try await RealmFixture.ready().established(by: .library) { pair in
      (
        Frames.level(from: pair.initiator, to: pair.acceptor, 2),
        Frames.level(from: pair.acceptor, to: pair.initiator, 3)
      )
    }
    for (result, octet) in [(down, UInt8(2)), (up, 3)] {
      guard case .some(.unwrapped(let octets, let outcome)) = result else {
        Issue.record("\(String(describing: result))")
        continue
      }
      #expect(octets == [octet] && !outcome.isConfidential && outcome.status.isEmpty)
      #expect(outcome.plaintextLength == 1 && outcome.sequenceNumber != nil)
    }
  }

  @Test(arguments: [false, true], [1, 65_475, 65_476, 65_507, 65_508, 1_024 * 1_024])
  func roundTrips(sealed: Bool, count: Int) async throws {
    let plaintext = (0..<count).map { (index: Int) -> UInt8 in UInt8((index + index / 253) & 0xff) }
    let (lengths, up, down) = try await RealmFixture.ready().established(by: .library) { pair in
      let frames = try Frames.wrap(plaintext, sealed: sealed, with: pair.initiator)
      let back = try Frames.wrap(plaintext, sealed: sealed, with: pair.acceptor)
      let up = Frames.open(frames, with: pair.acceptor)
      let down = Frames.open(back, with: pair.initiator)
      return (Frames.lengths(in: frames), up, down)
    }
    let maximum = sealed ? 65_475 : 65_507
    #expect(lengths.allSatisfy { $0 <= 65_535 } && lengths.count == (count + maximum - 1) / maximum)
    if count >= maximum { #expect(lengths.first == 65_535) }
    for opened in [up, down] {
      #expect(opened.error == nil && opened.plaintext == plaintext)
      #expect(opened.outcomes.allSatisfy { $0.status.isEmpty && $0.isConfidential == sealed })
      let numbers = opened.outcomes.compactMap(\.sequenceNumber)
      #expect(numbers.count == lengths.count)
      #expect(zip(numbers, numbers.dropFirst()).allSatisfy { first, second in first + 1 == second })
    }
  }

  @Test(arguments: [false, true], [0, 2, 4])
  func aTamperedTokenEndsABatch(sealed: Bool, index: Int) async throws {
    let opened = try await RealmFixture.ready().established(by: .library) { pair in
      var frames = ByteBuffer()
      for number in 0..<5 {
        var frame = try Frames.wrap([UInt8(number), 0x55], sealed: sealed, with: pair.initiator)
        if number == index, let last = frame.getInteger(at: frame.writerIndex - 1, as: UInt8.self) {
          frame.setInteger(last ^ 0x01, at: frame.writerIndex - 1)
        }
        frames.writeBuffer(&frame)
      }
      return Frames.open(frames, with: pair.acceptor)
    }
    #expect(opened.error?.code == .protectionFailed)
    let expected = (0..<index).flatMap { number -> [UInt8] in [UInt8(number), 0x55] }
    #expect(opened.plaintext == expected)
    #expect(opened.outcomes.map(\.plaintextLength) == Array(repeating: 2, count: index))
  }

  @Test func repeatedAndMissingTokensAreReported() async throws {
    let statuses = try await RealmFixture.ready().established(by: .library) { pair in
      let frames = try (0..<4).map { try Frames.wrap([UInt8($0)], sealed: true, with: pair.initiator) }
      return [0, 0, 2, 1].map { Frames.open(frames[$0], with: pair.acceptor).outcomes.map(\.status) }
    }
    let expected: [[UnwrapOutcome.Status]] = [[[]], [.duplicate], [.gap], [.unsequenced]]
    #expect(statuses == expected)
  }

  /// The library scrambles what it opens: whoever else holds the octets must not notice.
  @Test func framesHeldElsewhereStayAsTheyAre() async throws {
    let isSame = try await RealmFixture.ready().established(by: .library) { pair in
      let frames = try Frames.wrap([UInt8](repeating: 7, count: 1_000), sealed: false, with: pair.initiator)
      let before = Array(frames.readableBytesView)
      let opened = Frames.open(frames, with: pair.acceptor)
      return opened.error == nil && Array(frames.readableBytesView) == before
    }
    #expect(isSame)
  }
}
