import NIOCore
import SOCKSCore
import SOCKSTestSupport
import Testing

@testable import SOCKSNIO

@Suite struct DatagramProtectionTests {
  /// Both ends of one direction: the peer's tokens, and what opens them.
  struct Ends {
    let context = FakeProtection()
    let protection: DatagramProtection
    var peer = ByteScript(firstNumber: 502)

    /// The peer's level message was 500, its request 501.
    init(level: ProtectionLevel = .confidentiality) throws {
      var control = try IncomingMessageCheck(after: 500, at: level)
      try control.verify(
        UnwrapOutcome(plaintextLength: 10, isConfidential: true, status: [], sequenceNumber: 501))
      self.protection = try DatagramProtection(context: self.context, following: control)
    }

    func drop(_ octets: [UInt8]) -> DatagramDrop? {
      do throws(DatagramDrop) {
        _ = try self.protection.open(ByteBuffer(bytes: octets))
        return nil
      } catch {
        return error
      }
    }
  }

  static let header = UDPRequestHeader(destination: SOCKSAddress(.v4(0xC000_0201), port: 53))

  static func plaintext(_ data: [UInt8], _ header: UDPRequestHeader = Self.header) -> [UInt8] {
    var buffer = ByteBuffer()
    header.encode(into: &buffer)
    return Array(buffer.readableBytesView) + data
  }

  @Test(arguments: ProtectionLevel.allCases)
  func datagramsCross(level: ProtectionLevel) throws {
    var ends = try Ends(level: level)
    for data in [[], [7], pattern(1_400), pattern(60_000)] as [[UInt8]] {
      let datagram = ends.peer.encapsulated(Self.plaintext(data), sealed: level != .integrity)
      let (header, opened) = try ends.protection.open(ByteBuffer(bytes: datagram))
      #expect(header == Self.header && Array(opened.readableBytesView) == data)

      var sent = ByteBuffer()
      try ends.protection.protect(ByteBuffer(bytes: data), header: Self.header, into: &sent)
      let tokens = try #require(ByteScript.tokens(in: Array(sent.readableBytesView)))
      #expect(tokens.count == 1 && tokens.first?.plaintext == Self.plaintext(data))
      // Nothing shows that a datagram is encrypted already: at level 3 all are sealed.
      #expect(tokens.first?.isSealed == (level != .integrity))
    }
    #expect(ends.protection.level == level)
  }

  @Test func inClearTheyPassAsTheyAre() throws {
    let protection = DatagramProtection()
    let (header, data) = try protection.open(ByteBuffer(bytes: Self.plaintext([1, 2])))
    #expect(header == Self.header && Array(data.readableBytesView) == [1, 2] && protection.level == nil)
    var sent = ByteBuffer(bytes: [9, 9, 9])
    try protection.protect(ByteBuffer(bytes: [1, 2]), header: Self.header, into: &sent)
    #expect(Array(sent.readableBytesView) == Self.plaintext([1, 2]))
    #expect(throws: DatagramDrop.malformedHeader) { try protection.open(ByteBuffer(bytes: [0, 0, 0])) }
  }

  @Test func everyBitFlipIsDropped() throws {
    for level in [ProtectionLevel.integrity, .confidentiality] {
      var ends = try Ends(level: level)
      let datagram = ends.peer.encapsulated(Self.plaintext([1, 2, 3]), sealed: level != .integrity)
      for bit in 0..<datagram.count * 8 {
        var changed = datagram
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        let expected: DatagramDrop =
          switch bit / 8 {
          case 0, 1: .unprotected
          case 2, 3: .wrongLength
          default: .notGenuine
          }
        #expect(ends.drop(changed) == expected, "bit \(bit)")
      }
      // None of them has spent the number.
      #expect(ends.drop(datagram) == nil)
    }
  }

  @Test func everyOtherLengthIsDropped() throws {
    var ends = try Ends()
    let datagram = ends.peer.encapsulated(Self.plaintext([1, 2, 3]))
    for count in 0..<datagram.count { #expect(ends.drop(Array(datagram.prefix(count))) == .wrongLength) }
    #expect(ends.drop(datagram + [0]) == .wrongLength)
    #expect(ends.drop(datagram + datagram) == .wrongLength)
    #expect(ends.drop([0x01, 0x03, 0x00, 0x00]) == .wrongLength)
    #expect(ends.context.unwrapWork.isEmpty)
    #expect(ends.drop(datagram) == nil)
  }

  @Test func whatIsNotProtectedIsDropped() throws {
    var ends = try Ends()
    #expect(ends.drop(Self.plaintext([1])) == .unprotected)
    let token = Array(ends.peer.encapsulated(Self.plaintext([1])).dropFirst(2))
    for start in [[0x01, 0x01], [0x01, 0x02], [0x01, 0xff], [0x05, 0x03], [0x00, 0x03]] as [[UInt8]] {
      #expect(ends.drop(start + token) == .unprotected)
    }
    #expect(ends.drop([0x01, 0x03] + token) == nil)
  }

  @Test func repeatedLateAndControlTokensAreDropped() throws {
    var ends = try Ends()
    var control = ByteScript(firstNumber: 500)
    for _ in 500...501 { #expect(ends.drop(control.encapsulated(Self.plaintext([1]))) == .repeated) }
    let early = (0..<3).map { _ in ends.peer.encapsulated(Self.plaintext([1])) }
    #expect(ends.drop(early[2]) == nil && ends.drop(early[0]) == nil && ends.drop(early[2]) == .repeated)
    ends.peer.nextNumber += 5_000
    #expect(ends.drop(ends.peer.encapsulated(Self.plaintext([1]))) == nil)
    #expect(ends.drop(early[1]) == .late && ends.drop(early[0]) == .late)
  }

  /// The library's bits come with plaintext: duplicate, old, unsequenced and gap.
  @Test func theWindowDecidesAndNotTheLibrary() throws {
    let ends = try Ends()
    ends.context.statuses = [1: .duplicate, 2: .old, 3: .unsequenced, 4: .gap, 5: .other]
    var peer = ends.peer
    for _ in 1...4 { #expect(ends.drop(peer.encapsulated(Self.plaintext([1]))) == nil) }
    #expect(ends.drop(peer.encapsulated(Self.plaintext([1]))) == .notGenuine)
  }

  @Test func signedOnlyIsDroppedAtLevel2() throws {
    var ends = try Ends()
    #expect(ends.drop(ends.peer.encapsulated(Self.plaintext([1]), sealed: false)) == .notConfidential)
    for level in [ProtectionLevel.integrity, .selective] {
      var ends = try Ends(level: level)
      #expect(ends.drop(ends.peer.encapsulated(Self.plaintext([1]), sealed: false)) == nil)
      #expect(ends.drop(ends.peer.encapsulated(Self.plaintext([1]), sealed: true)) == nil)
    }
  }

  @Test func whatTheEngineDoesNotSayIsDropped() throws {
    let ends = try Ends()
    ends.context.liesAboutLengths = true
    var peer = ends.peer
    #expect(ends.drop(peer.encapsulated(Self.plaintext([1]))) == .notGenuine)
    ends.context.liesAboutLengths = false
    ends.context.hidesNumbers = true
    #expect(ends.drop(peer.encapsulated(Self.plaintext([1]))) == .notGenuine)
  }

  @Test func everyCutHeaderIsDropped() throws {
    var ends = try Ends()
    let headers = [
      Self.header, UDPRequestHeader(destination: SOCKSAddress(.v6(high: 1, low: 2), port: 3)),
      UDPRequestHeader(destination: SOCKSAddress(host: .name(try HostName("example.org")), port: 4)),
    ]
    for header in headers {
      let plaintext = Self.plaintext([], header)
      for count in 0..<plaintext.count {
        #expect(ends.drop(ends.peer.encapsulated(Array(plaintext.prefix(count)))) == .malformedHeader)
      }
      #expect(ends.drop(ends.peer.encapsulated([0, 1] + plaintext.dropFirst(2))) == .malformedHeader)
      #expect(ends.drop(ends.peer.encapsulated(plaintext)) == nil)
    }
  }

  @Test func whatDoesNotFitIsNotSent() throws {
    let ends = try Ends()
    let most = DatagramProtection.maximumDatagram - 4 - FakeToken.overhead - 10
    var sent = ByteBuffer()
    try ends.protection.protect(ByteBuffer(bytes: pattern(most)), header: Self.header, into: &sent)
    #expect(sent.readableBytes == 65_507)
    for count in [most + 1, 65_507, 65_508, 100_000] {
      #expect(throws: DatagramDrop.tooLarge) {
        try ends.protection.protect(ByteBuffer(bytes: pattern(count)), header: Self.header, into: &sent)
      }
    }
    // The next one may do.
    try ends.protection.protect(ByteBuffer(bytes: [1]), header: Self.header, into: &sent)
    #expect(ByteScript.tokens(in: Array(sent.readableBytesView))?.first?.plaintext == Self.plaintext([1]))

    let clear = DatagramProtection()
    try clear.protect(ByteBuffer(bytes: pattern(65_497)), header: Self.header, into: &sent)
    #expect(throws: DatagramDrop.tooLarge) {
      try clear.protect(ByteBuffer(bytes: pattern(65_498)), header: Self.header, into: &sent)
    }
  }

  @Test func whatCannotBeProtectedIsNotSent() throws {
    let ends = try Ends()
    ends.context.failsWrapAt = 1
    var sent = ByteBuffer()
    #expect(throws: DatagramDrop.protectionFailed) {
      try ends.protection.protect(ByteBuffer(), header: Self.header, into: &sent)
    }
    ends.context.ignoresSealing = true
    #expect(throws: DatagramDrop.protectionFailed) {
      try ends.protection.protect(ByteBuffer(), header: Self.header, into: &sent)
    }
  }

  /// Storage is used again, but never while somebody has it.
  @Test func openedAndSentDatagramsStayAsTheyAre() throws {
    var ends = try Ends()
    var held: [(ByteBuffer, [UInt8])] = []
    var plaintext = ByteBuffer()
    var sent = ByteBuffer()
    for count in [3, 1_000, 5, 40_000, 2] {
      let data = pattern(count)
      let datagram = ByteBuffer(bytes: ends.peer.encapsulated(Self.plaintext(data)))
      let before = Array(datagram.readableBytesView)
      try ends.protection.open(datagram, into: &plaintext)
      held.append((plaintext, Self.plaintext(data)))
      // The token was opened elsewhere.
      #expect(Array(datagram.readableBytesView) == before)
      try ends.protection.protect(ByteBuffer(bytes: data), header: Self.header, into: &sent)
      held.append((sent, Array(sent.readableBytesView)))
    }
    for (buffer, octets) in held { #expect(Array(buffer.readableBytesView) == octets) }
  }
}
