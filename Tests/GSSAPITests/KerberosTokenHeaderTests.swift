import GSSAPI
import Testing

@Suite struct KerberosTokenHeaderTests {
  private static let octets: [UInt8] = [
    0x05, 0x04, 0x07, 0xff, 0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
  ]

  @Test func fieldsAreReadBigEndian() throws {
    let header = try #require(KerberosTokenHeader(Self.octets + [0xaa]))
    #expect(header.flags == [.sentByAcceptor, .sealed, .acceptorSubkey])
    #expect(header.extraCount == 0x0102)
    #expect(header.rightRotationCount == 0x0304)
    #expect(header.sequenceNumber == 0x1011_1213_1415_1617)
  }

  @Test func theHighestNumberIsRead() throws {
    let header = try #require(KerberosTokenHeader(Self.octets.prefix(8) + [UInt8](repeating: 0xff, count: 8)))
    #expect(header.sequenceNumber == .max)
  }

  @Test func unknownFlagsAreKept() throws {
    var octets = Self.octets
    octets[2] = 0xf0
    #expect(KerberosTokenHeader(octets)?.flags.rawValue == 0xf0)
  }

  @Test func shorterTokensHaveNoHeader() {
    for count in 0..<16 {
      #expect(KerberosTokenHeader(Array(Self.octets.prefix(count))) == nil)
    }
  }

  @Test(arguments: [0, 1, 3])
  func otherKindsHaveNoHeader(offset: Int) {
    for octet in UInt8.min...UInt8.max where octet != Self.octets[offset] {
      var octets = Self.octets
      octets[offset] = octet
      #expect(KerberosTokenHeader(octets) == nil)
    }
  }
}
