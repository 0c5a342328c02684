import NIOCore
import NIOEmbedded
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

/// Level 3: which messages of the stream are signed only.
@Suite struct SelectiveProtectionTests {
  private static let hello: [UInt8] = [22, 3, 1, 0, 2, 0xaa, 0xaa]
  private static let change: [UInt8] = [20, 3, 3, 0, 1, 1]
  private static let data: [UInt8] = [23, 3, 3, 0, 3, 0xdd, 0xdd, 0xdd]

  private func sealing(
    _ harness: EncapsulationHarness, flushEach: Bool = true, _ writes: [[UInt8]]
  ) throws -> [Bool] {
    let before = harness.protection.wrapped.count
    for write in writes {
      _ = harness.write(write)
      if flushEach { harness.flush() }
    }
    harness.flush()
    harness.wire.loop.run()
    return harness.protection.wrapped.dropFirst(before).map(\.isSealed)
  }

  @Test func onlyEncryptedRecordsAreSigned() throws {
    let harness = try EncapsulationHarness(level: .selective)
    harness.beginStream()
    let seen = try sealing(harness, [Self.hello, Self.change, Self.data, Self.data, Self.hello, Self.data])
    #expect(seen == [true, true, false, false, true, false])
  }

  @Test func messagesOfTheNegotiationAreSealedWhateverTheyLookLike() throws {
    let harness = try EncapsulationHarness(level: .selective)
    #expect(try sealing(harness, [Self.hello, Self.change, Self.data]) == [true, true, true])
    harness.beginStream()
    #expect(try sealing(harness, [Self.data]) == [true])
  }

  @Test func aStreamThatStopsToParseIsSealedForGood() throws {
    let harness = try EncapsulationHarness(level: .selective)
    harness.beginStream()
    let seen = try sealing(harness, [Self.hello, Self.change, Self.data, [0x47, 0x45, 0x54, 0x20, 0x2f], Self.data])
    #expect(seen == [true, true, false, true, true])
  }

  @Test func oneFlushKeepsTheKindsApart() throws {
    let harness = try EncapsulationHarness(level: .selective)
    harness.beginStream()
    let writes = [Self.hello, Self.change, Self.data, Self.data, Self.hello, Self.data]
    #expect(try sealing(harness, flushEach: false, writes) == [true, false, true, false])
    #expect(harness.wire.probe.writes.count == 1)
    #expect(harness.sent?.flatMap(\.plaintext) == writes.flatMap { $0 })
  }

  @Test func otherLevelsAndPoliciesDoNotChoose() throws {
    for (level, policy, sealed) in [
      (ProtectionLevel.integrity, SelectiveSealing.Policy.unlessEncrypted, false),
      (.confidentiality, .unlessEncrypted, true), (.selective, .always, true),
    ] {
      let harness = try EncapsulationHarness(level: level, selective: policy)
      harness.beginStream()
      let seen = try sealing(harness, [Self.hello, Self.change, Self.data])
      #expect(seen == [sealed, sealed, sealed])
    }
  }

  @Test func aSignedChunkNeedsNoConfidentiality() throws {
    let harness = try EncapsulationHarness(level: .selective)
    harness.beginStream()
    _ = try sealing(harness, [Self.hello, Self.change])
    harness.protection.ignoresSealing = true
    #expect(try sealing(harness, [Self.data]) == [false])
    #expect(harness.upper.errors.isEmpty)
    _ = try sealing(harness, [Self.hello])
    #expect(harness.upper.errors.map(\.code) == [.protectionFailed])
  }
}
