import NIOCore
import SOCKSCore
import Testing

/// RFC 1928 section 7; a datagram is whole or it is nothing.
@Suite struct UDPRequestHeaderTests {
  static func vectors() throws -> [(String, UDPRequestHeader)] {
    [
      ("0000 00 01 c0000201 0035", UDPRequestHeader(destination: SOCKSAddress(.v4(0xC000_0201), port: 53))),
      (
        "0000 81 04 20010db8000000000000000000000001 0035",
        UDPRequestHeader(
          fragment: 0x81, destination: SOCKSAddress(.v6(high: 0x2001_0db8_0000_0000, low: 1), port: 53))
      ),
      (
        "0000 00 03 01 61 ffff",
        UDPRequestHeader(destination: SOCKSAddress(host: .name(try HostName("a")), port: 65_535))
      ),
    ]
  }

  @Test func headersTravelAndLeaveTheData() throws {
    for (hex, header) in try Self.vectors() {
      for data in [[], [0x00], [UInt8](repeating: 0x7e, count: 65_000)] {
        var buffer = ByteBuffer()
        header.encode(into: &buffer)
        #expect(buffer.octets == [UInt8](hex: hex))
        buffer.writeBytes(data)
        #expect(try UDPRequestHeader.decode(from: &buffer) == header)
        #expect(buffer.octets == data)
      }
    }
  }

  @Test func aCutHeaderIsRefusedAtEveryOffset() throws {
    for (hex, _) in try Self.vectors() {
      let octets = [UInt8](hex: hex)
      for count in 0..<octets.count {
        var buffer = ByteBuffer(bytes: octets.prefix(count))
        #expect(throws: SOCKSError(.malformedMessage), "\(hex) cut after \(count)") {
          try UDPRequestHeader.decode(from: &buffer)
        }
        #expect(buffer.readableBytes == count)
      }
    }
  }

  @Test(
    arguments: [
      ("0001 00 01 c0000201 0035", .malformedMessage), ("0100 00 01 c0000201 0035", .malformedMessage),
      ("0000 00 02 c0000201 0035", .unsupportedAddressType),
    ] as [(String, SOCKSError.Code)])
  func isRefused(hex: String, code: SOCKSError.Code) {
    var buffer = ByteBuffer(bytes: [UInt8](hex: hex))
    #expect(throws: SOCKSError(code)) { try UDPRequestHeader.decode(from: &buffer) }
  }
}
