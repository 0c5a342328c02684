import NIOCore
import SOCKSCore
import Testing

@Suite struct MalformedMessageTests {
  /// Octets that are wrong for a kind of message, and are refused as soon as the last octet shown has come.
  static let cases: [(WireMessage.Kind, String, SOCKSError.Code)] = [
    (.offer, "04", .wrongVersion),
    (.offer, "01", .wrongVersion),
    (.offer, "00", .wrongVersion),
    (.offer, "05 00", .malformedMessage),
    (.selection, "04", .wrongVersion),
    (.selection, "01", .wrongVersion),
    (.request, "04", .wrongVersion),
    (.request, "01", .wrongVersion),
    (.request, "05 01 01", .malformedMessage),
    (.request, "05 01 ff", .malformedMessage),
    (.request, "05 01 00 00", .unsupportedAddressType),
    (.request, "05 01 00 02", .unsupportedAddressType),
    (.request, "05 01 00 05", .unsupportedAddressType),
    (.request, "05 01 00 ff", .unsupportedAddressType),
    (.reply, "04", .wrongVersion),
    (.reply, "05 00 00 02", .unsupportedAddressType),
    (.reply, "05 00 00 03 00 00 50", .malformedMessage),
    (.reply, "05 00 00 03 01 ff 00 50", .malformedMessage),
    (.passwordRequest, "05", .wrongVersion),
    (.passwordRequest, "02", .wrongVersion),
    (.passwordResponse, "05", .wrongVersion),
    (.passwordResponse, "00", .wrongVersion),
    (.gss, "05", .unprotectedRequest),
    (.gss, "00", .wrongVersion),
    (.gss, "02", .wrongVersion),
    (.gss, "ff", .wrongVersion),
  ]

  @Test(arguments: Self.cases)
  func isRefusedAtTheFirstWrongOctet(kind: WireMessage.Kind, hex: String, code: SOCKSError.Code) throws {
    let octets = [UInt8](hex: hex)
    #expect(kind.error(decoding: octets) == code)
    #expect(kind.error(decoding: octets + [0, 0, 0, 0]) == code)
    // Every octet before it could still have become a message.
    for count in 0..<(octets.count - 1) where !(kind == .request && octets.starts(with: [5, 1, 0, 3, 3])) {
      #expect(kind.error(decoding: Array(octets.prefix(count))) == nil)
    }
  }

  @Test func onlyOneVersionIsReadPerMessage() {
    for version in UInt8.min...UInt8.max {
      for kind in WireMessage.Kind.allCases {
        let isGSSAPI = kind == .gss || kind == .passwordRequest || kind == .passwordResponse
        let refused = kind.error(decoding: [version]) != nil
        #expect(refused == (version != (isGSSAPI ? 0x01 : 0x05)), "version \(version) of \(kind)")
      }
    }
  }

  @Test func everyOtherGSSMessageTypeIsRefusedAtItsOctet() {
    for type in UInt8.min...UInt8.max {
      let code = WireMessage.Kind.gss.error(decoding: [0x01, type])
      #expect(code == ([0x01, 0x02, 0x03, 0xff].contains(type) ? nil : .malformedMessage), "type \(type)")
    }
  }

  @Test func anAbortHasNeitherLengthNorToken() throws {
    var buffer = ByteBuffer(0x01, 0xff, 0x00, 0x00)
    #expect(try GSSMessage.decode(from: &buffer) == .abort)
    #expect(buffer.octets == [0x00, 0x00])
  }

  @Test func aReplyIsReadWhateverItsReservedOctetIs() throws {
    var buffer = ByteBuffer(bytes: [UInt8](hex: "05 00 7f 01 cb007105 0438"))
    #expect(try SOCKSReply.decode(from: &buffer) == .success)
  }

  @Test func nothingIsConsumedByAnError() {
    for (kind, hex, _) in Self.cases {
      let octets = [UInt8](hex: hex) + [1, 2, 3]
      var buffer = ByteBuffer(bytes: octets)
      #expect(throws: SOCKSError.self) { try kind.decode(from: &buffer) }
      #expect(buffer.octets == octets, "\(hex)")
    }
  }
}
