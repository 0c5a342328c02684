import NIOCore
import SOCKSCore
import Testing

@testable import SOCKSNIO

/// Datagrams through the system's library, whose own window is 64 wide and wrong after gaps.
@Suite struct DatagramTests {
  static let header = UDPRequestHeader(destination: SOCKSAddress(.v4(0xC000_0201), port: 53))

  /// The gateway's end and the client's, with the level agreed.
  private static func ends(
    _ pair: EstablishedPair, level: ProtectionLevel = .confidentiality
  ) throws -> (client: DatagramProtection, gateway: DatagramProtection) {
    guard case .wrapped(let asked) = pair.initiator.wrapProtectionLevel(level.rawValue),
      case .unwrapped(_, let askedOutcome) = pair.acceptor.unwrapProtectionLevel(asked),
      case .wrapped(let answered) = pair.acceptor.wrapProtectionLevel(level.rawValue),
      case .unwrapped(_, let answeredOutcome) = pair.initiator.unwrapProtectionLevel(answered)
    else { throw SOCKSError(.protectionFailed) }
    var up = IncomingMessageCheck()
    try up.verify(askedOutcome)
    var down = IncomingMessageCheck()
    try down.verify(answeredOutcome)
    return (
      try DatagramProtection(context: pair.initiator, following: down.at(level)),
      try DatagramProtection(context: pair.acceptor, following: up.at(level))
    )
  }

  @Test(arguments: ProtectionLevel.allCases)
  func datagramsOfEverySizeCross(level: ProtectionLevel) async throws {
    try await RealmFixture.ready().established { pair in
      let (client, gateway) = try Self.ends(pair, level: level)
      for count in [0, 1, 1_400, 65_000] {
        let data = ByteBuffer(repeating: 7, count: count)
        for (from, to) in [(client, gateway), (gateway, client)] {
          var datagram = ByteBuffer()
          try from.protect(data, header: Self.header, into: &datagram)
          let (header, opened) = try to.open(datagram)
          #expect(header == Self.header && opened == data)
        }
      }
    }
  }

  @Test(arguments: [(ProtectionLevel.integrity, 28), (.confidentiality, 60), (.selective, 60)])
  func theLargestIsExact(level: ProtectionLevel, overhead: Int) async throws {
    try await RealmFixture.ready().established { pair in
      let (client, gateway) = try Self.ends(pair, level: level)
      let most = DatagramProtection.maximumDatagram - 4 - overhead - 10
      var datagram = ByteBuffer()
      try client.protect(ByteBuffer(repeating: 7, count: most), header: Self.header, into: &datagram)
      #expect(datagram.readableBytes == DatagramProtection.maximumDatagram)
      #expect(try gateway.open(datagram).data.readableBytes == most)
      #expect(throws: DatagramDrop.tooLarge) {
        try client.protect(ByteBuffer(repeating: 7, count: most + 1), header: Self.header, into: &datagram)
      }
    }
  }

  /// Lost: 100 datagrams. Then 63 of them come late, and each is taken exactly once.
  @Test func lateDatagramsAfterAGapAreTakenOnce() async throws {
    try await RealmFixture.ready().established { pair in
      let (client, gateway) = try Self.ends(pair)
      let datagrams = try (0..<200).map { number in
        var datagram = ByteBuffer()
        try client.protect(ByteBuffer(integer: UInt32(number)), header: Self.header, into: &datagram)
        return datagram
      }
      for number in Array(0..<50) + [150] { _ = try gateway.open(datagrams[number]) }
      for number in 87..<150 {
        #expect(try gateway.open(datagrams[number]).data == ByteBuffer(integer: UInt32(number)))
      }
      for number in Array(0..<50) + Array(87...150) {
        #expect(throws: DatagramDrop.repeated) { try gateway.open(datagrams[number]) }
      }
    }
  }
}
