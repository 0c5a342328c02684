import NIOCore
import SOCKSCore
import SOCKSTestSupport
import Testing

/// Level 3 by the default policy: signed only where the octets provably lie inside encryption.
@Suite struct SelectiveSealingTests {
  static func begun() -> SelectiveSealing {
    var sealing = SelectiveSealing(policy: .unlessEncrypted)
    sealing.streamBegan()
    return sealing
  }

  /// Feeds the stream, cut at these places; the ranges that were signed only.
  static func signed(_ octets: [UInt8], cuts: [Int], _ sealing: SelectiveSealing = begun()) -> [Range<Int>] {
    var sealing = sealing
    var ranges: [Range<Int>] = []
    var start = 0
    for end in cuts + [octets.count] where end > start {
      if !sealing.mustSeal(ByteBuffer(bytes: octets[start..<end]).readableBytesView) { ranges.append(start..<end) }
      start = end
    }
    return ranges
  }

  /// True when every octet of every range lies inside encryption.
  static func isSafe(_ ranges: [Range<Int>], in stream: MarkedStream) -> Bool {
    ranges.allSatisfy { stream.isEncrypted[$0].allSatisfy { $0 } }
  }

  @Test(arguments: MarkedStream.handshakes)
  func noOctetOutsideEncryptionIsSignedOnlyAtAnyTwoCuts(stream: MarkedStream) {
    for first in 0...stream.octets.count {
      for second in first...stream.octets.count {
        let ranges = Self.signed(stream.octets, cuts: [first, second])
        if !Self.isSafe(ranges, in: stream) { Issue.record("cuts at \(first) and \(second): \(ranges)") }
      }
    }
  }

  @Test(arguments: MarkedStream.handshakes)
  func noOctetOutsideEncryptionIsSignedOnlyAtAnyChunkLength(stream: MarkedStream) {
    for length in 1...stream.octets.count {
      let cuts = Array(stride(from: length, to: stream.octets.count, by: length))
      let ranges = Self.signed(stream.octets, cuts: cuts)
      if !Self.isSafe(ranges, in: stream) { Issue.record("chunks of \(length): \(ranges)") }
    }
  }

  @Test(arguments: MarkedStream.handshakes)
  func noOctetOutsideEncryptionIsSignedOnlyAtRandomCuts(stream: MarkedStream) {
    var generator = SeededGenerator(seed: 3)
    for round in 0..<1_000 {
      let cuts = (0..<Int.random(in: 0...20, using: &generator))
        .map { _ in Int.random(in: 0...stream.octets.count, using: &generator) }.sorted()
      let ranges = Self.signed(stream.octets, cuts: cuts)
      if !Self.isSafe(ranges, in: stream) { Issue.record("round \(round): \(cuts)") }
    }
  }

  /// The other way round: what is encrypted, and comes record by record, is not sealed a second time.
  @Test(arguments: MarkedStream.handshakes)
  func everyEncryptedRecordIsSignedOnly(stream: MarkedStream) {
    let ranges = Self.signed(stream.octets, cuts: Array(stream.boundaries.dropFirst().dropLast()))
    let encrypted = zip(stream.boundaries, stream.boundaries.dropFirst()).map { $0..<$1 }
      .filter { stream.isEncrypted[$0.lowerBound] }
    #expect(ranges == encrypted)
    #expect(!ranges.isEmpty)
  }

  /// Octet by octet, the body of an encrypted record is signed only, and of its header at most the last octet.
  @Test func aDribbledRecordIsSignedFromItsBodyOn() {
    let stream = MarkedStream.tls13
    let ranges = Self.signed(stream.octets, cuts: Array(1..<stream.octets.count))
    let signed = Set(ranges.map(\.lowerBound))
    let body = (stream.boundaries[2] + 5)..<stream.boundaries[3]
    #expect(signed.isSuperset(of: body))
    #expect(signed.isDisjoint(with: stream.boundaries[2]..<(stream.boundaries[2] + 4)))
  }

  @Test func severalWholeRecordsInOneChunkAreSignedOnly() {
    let stream = MarkedStream.tls13
    let change = stream.boundaries[2]
    #expect(Self.signed(stream.octets, cuts: [change]) == [change..<stream.octets.count])
    // One octet of clear text with them seals all.
    #expect(Self.signed(stream.octets, cuts: [change - 1]).isEmpty)
  }

  @Test(arguments: MarkedStream.handshakes)
  func everythingIsSealedBeforeTheStreamAndByPolicy(stream: MarkedStream) {
    #expect(Self.signed(stream.octets, cuts: stream.boundaries, SelectiveSealing(policy: .unlessEncrypted)).isEmpty)
    var always = SelectiveSealing(policy: .always)
    #expect(Self.signed(stream.octets, cuts: stream.boundaries, always).isEmpty)
    always.streamBegan()
    #expect(Self.signed(stream.octets, cuts: stream.boundaries, always).isEmpty)
  }

  @Test func theStreamBeginsWhereItIsSaidToBegin() {
    // A request first, sealed; the recognizer does not see it.
    var sealing = SelectiveSealing(policy: .unlessEncrypted)
    let request = ByteBuffer(bytes: SOCKSRequest.connectOctets).readableBytesView
    let first = sealing.mustSeal(request)
    #expect(first)
    sealing.streamBegan()
    let stream = MarkedStream.tls13
    #expect(!Self.signed(stream.octets, cuts: Array(stream.boundaries.dropFirst().dropLast()), sealing).isEmpty)
  }

  @Test(arguments: MarkedStream.handshakes)
  func emptyChunksAreSealedAndChangeNothing(stream: MarkedStream) {
    var sealing = Self.begun()
    for (start, end) in zip(stream.boundaries, stream.boundaries.dropFirst()) {
      let empty = sealing.mustSeal(ByteBuffer().readableBytesView)
      let record = sealing.mustSeal(ByteBuffer(bytes: stream.octets[start..<end]).readableBytesView)
      #expect(empty)
      #expect(record == !stream.isEncrypted[start])
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "\u{14}\u{3}\u{3}\u{0}\u{1}\u{1}", "\u{17}\u{3}\u{3}\u{0}\u{1}\u{1}",
    "\0",
    "S", "SSH", "ssh-2.0-x\r\n", "SSH-1.5-x\r\n", "SSH-2.1-x\r\n", "STARTTLS\r\n", "EHLO x\r\n",
  ])
  func whatIsNeitherStaysSealedForGood(start: String) {
    let tls = MarkedStream.tls13
    let octets = Array(start.utf8) + tls.octets
    let cuts = tls.boundaries.map { $0 + start.utf8.count }
    #expect(Self.signed(octets, cuts: cuts).isEmpty)
    #expect(Self.signed(octets, cuts: Array(1..<octets.count)).isEmpty)
  }

  /// After the change, a header that is none: not even a new handshake is followed again.
  @Test(
    arguments: [
      [0x13, 0x03, 0x03, 0x00, 0x01], [0x19, 0x03, 0x03, 0x00, 0x01], [0x47, 0x45, 0x54, 0x20, 0x2f],
      [0x17, 0x02, 0x03, 0x00, 0x01], [0x17, 0x04, 0x03, 0x00, 0x01], [0x17, 0x03, 0x03, 0x00, 0x00],
      [0x17, 0x03, 0x03, 0x48, 0x01], [0x17, 0x03, 0x03, 0xff, 0xff],
    ] as [[UInt8]])
  func aMalformedHeaderSealsForGood(header: [UInt8]) {
    let tls = MarkedStream.tls13
    // With a body of the length it names, so that whoever overlooks the header goes on at a good one.
    let wrong = header + [UInt8](repeating: 0x16, count: Int(header[3]) << 8 | Int(header[4]))
    let octets = tls.octets + wrong + tls.octets + tls.octets
    let end = tls.octets.count
    let starts = [0, end + wrong.count, 2 * end + wrong.count]
    let ranges = Self.signed(octets, cuts: starts.flatMap { start in tls.boundaries.map { $0 + start } })
    #expect(!ranges.isEmpty && ranges.allSatisfy { $0.upperBound <= end })
    let dribbled = Self.signed(octets, cuts: Array(1..<octets.count))
    #expect(!dribbled.isEmpty && dribbled.allSatisfy { $0.upperBound <= end })
  }

  @Test func theLongestRecordIsFollowed() {
    var stream = MarkedStream("long")
    stream.record(MarkedStream.handshake, 40)
    stream.record(MarkedStream.changeCipherSpec, 1)
    stream.record(MarkedStream.applicationData, 18_432, isEncrypted: true)
    stream.record(MarkedStream.applicationData, 1, isEncrypted: true)
    #expect(Self.signed(stream.octets, cuts: stream.boundaries).count == 2)
    #expect(Self.signed(stream.octets, cuts: Array(stride(from: 0, to: stream.octets.count, by: 1_000))).count > 15)
  }

  @Test func anSSHIdentificationHasAtMost255Octets() {
    for (length, isFollowed) in [(9, true), (254, true), (255, true), (256, false), (300, false)] {
      var stream = MarkedStream("identification")
      let text = Array("SSH-2.0-".utf8) + [UInt8](repeating: 0x78, count: length - 9) + [0x0a]
      stream.append(text, isEncrypted: false)
      stream.packet(20, 30)
      stream.packet(21, 12)
      stream.append([1, 2, 3], isEncrypted: true)
      #expect(Self.signed(stream.octets, cuts: stream.boundaries).isEmpty == !isFollowed, "\(length) octets")
    }
  }

  @Test(
    arguments: [
      ("SSH-2.0-x\r\n", true), ("SSH-2.0-x\n", true), ("SSH-1.5-x\r\n", false), ("SSH-1.99-x\r\n", false),
      ("SSH-2.1-x\r\n", false), ("SSH_2.0-x\r\n", false), ("Sorry, full\r\n", false), ("S\n", false),
    ])
  func onlySSH2IsFollowed(identification: String, isFollowed: Bool) {
    var stream = MarkedStream(identification)
    stream.append(Array(identification.utf8), isEncrypted: false)
    stream.packet(20, 30)
    stream.packet(21, 12)
    stream.append([1, 2, 3], isEncrypted: true)
    #expect(Self.signed(stream.octets, cuts: stream.boundaries).isEmpty == !isFollowed)
  }

  @Test func anSSHPacketOfAnImpossibleLengthSealsForGood() {
    for (length, isFollowed) in [(5, true), (35_000, true), (35_001, false), (0x1000_0000, false)] {
      var stream = MarkedStream("packet")
      stream.append(Array("SSH-2.0-x\r\n".utf8), isEncrypted: false)
      if length <= 40_000 {
        stream.packet(20, length)
      } else {
        stream.append([0x10, 0, 0, 0, 4, 20], isEncrypted: false)
      }
      stream.packet(21, 12)
      stream.append([1, 2, 3], isEncrypted: true)
      #expect(Self.signed(stream.octets, cuts: stream.boundaries).isEmpty == !isFollowed, "\(length)")
    }
    for length in UInt8(0)...4 {
      let octets = Array("SSH-2.0-x\r\n".utf8) + [0, 0, 0, length, 0, 21] + [UInt8](repeating: 0, count: 100)
      #expect(Self.signed(octets, cuts: Array(1..<octets.count)).isEmpty, "\(length)")
    }
  }

  @Test func onlyNEWKEYSEndsTheClearPartOfSSH() {
    for message in UInt8.min...UInt8.max {
      var stream = MarkedStream("message")
      stream.append(Array("SSH-2.0-x\r\n".utf8), isEncrypted: false)
      stream.packet(message, 12)
      stream.packet(20, 16)
      #expect(Self.signed(stream.octets, cuts: stream.boundaries).isEmpty == (message != 21), "\(message)")
    }
  }

  @Test func randomOctetsAreNeverATrap() {
    var generator = SeededGenerator(seed: 4_253)
    for _ in 0..<5_000 {
      var sealing = Self.begun()
      let starts: [[UInt8]] = [[0x16, 0x03, 0x03, 0x00], Array("SSH-2.0-x\n".utf8), []]
      let start = starts.randomElement(using: &generator) ?? []
      _ = sealing.mustSeal(ByteBuffer(bytes: start).readableBytesView)
      for _ in 0..<10 {
        let octets = generator.octets(count: Int.random(in: 0...20, using: &generator))
        _ = sealing.mustSeal(ByteBuffer(bytes: octets).readableBytesView)
      }
    }
  }
}
