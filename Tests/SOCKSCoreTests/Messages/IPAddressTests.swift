import NIOCore
import SOCKSCore
import Testing

@Suite struct IPAddressTests {
  @Test(
    arguments: [
      ("0.0.0.0", 0), ("192.0.2.1", 0xC000_0201), ("255.255.255.255", 0xFFFF_FFFF), ("127.0.0.1", 0x7F00_0001),
    ] as [(String, UInt32)])
  func readsIPv4(text: String, value: UInt32) {
    #expect(IPAddress(text) == .v4(value))
    #expect(IPAddress.v4(value).description == text)
  }

  @Test(
    arguments: [
      ("::", 0, 0, "::"),
      ("::1", 0, 1, "::1"),
      ("1::", 0x0001_0000_0000_0000, 0, "1::"),
      ("2001:DB8::1", 0x2001_0DB8_0000_0000, 1, "2001:db8::1"),
      ("2001:0db8:0000:0000:0000:0000:0000:0001", 0x2001_0DB8_0000_0000, 1, "2001:db8::1"),
      ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000, "1:2:3:4:5:6:7:0"),
      ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008, "0:2:3:4:5:6:7:8"),
      ("1:0:0:2:0:0:0:3", 0x0001_0000_0000_0002, 0x0000_0000_0000_0003, "1:0:0:2::3"),
      ("1:0:0:2:3:0:0:4", 0x0001_0000_0000_0002, 0x0003_0000_0000_0004, "1::2:3:0:0:4"),
      ("::ffff:192.0.2.1", 0, 0x0000_FFFF_C000_0201, "192.0.2.1"),
      ("::ffff:c000:201", 0, 0x0000_FFFF_C000_0201, "192.0.2.1"),
      ("64:ff9b::127.0.0.1", 0x0064_FF9B_0000_0000, 0x7F00_0001, "64:ff9b::7f00:1"),
      ("1:2:3:4:5:6:1.2.3.4", 0x0001_0002_0003_0004, 0x0005_0006_0102_0304, "1:2:3:4:5:6:102:304"),
      ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", .max, .max, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ] as [(String, UInt64, UInt64, String)])
  func readsIPv6(text: String, high: UInt64, low: UInt64, canonical: String) {
    #expect(IPAddress(text) == .v6(high: high, low: low))
    #expect(IPAddress.v6(high: high, low: low).description == canonical)
  }

  @Test(arguments: [
    "", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4.", "1.2.3.", ".1.2.3.4", "1..2.3", "256.0.0.1", "1.2.3.1000",
    "01.2.3.4",
    "1.2.3.00", "0x7f.0.0.1", "2130706433", "127.1", " 1.2.3.4", "1.2.3.4 ", "1.2.3.-4", "+1.2.3.4", "١.2.3.4",
    "1.2.3.4\0",
    ":", ":::", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", "::1::", "1::2::3", "12345::",
    "::g", "[::1]", "::1%lo", "::1%1", "::1.2.3", "::1.2.3.4.5", "::01.2.3.4", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3.4:1",
    "1:2:3:4:5:6:7:", ":2:3:4:5:6:7:8", "::-1", "::+1", "0000:0000:0000:0000:0000:0000:255.255.255.2555",
  ])
  func refuses(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func refusesLongText() {
    #expect(IPAddress(String(repeating: "0", count: 1_000_000)) == nil)
    #expect(IPAddress("::" + String(repeating: "0", count: 60)) == nil)
  }

  @Test func octetsAreInNetworkOrder() {
    #expect(IPAddress.v4(0xC000_0201).octets == [192, 0, 2, 1])
    #expect(
      IPAddress.v6(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F).octets == Array(0...15))
  }

  /// However it is made, an IPv4-mapped address is the IPv4 address; its neighbors are not.
  @Test func mappedAddressesAreIPv4Addresses() throws {
    #expect(IPAddress("::ffff:1.2.3.4") == .v4(0x0102_0304) && IPAddress("0:0:0:0:0:FFFF:102:304") == .v4(0x0102_0304))
    #expect(IPAddress.v6(high: 0, low: 0xFFFF_0102_0304) == .v4(0x0102_0304))
    let octets: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4]
    #expect(IPAddress(octets: octets) == .v4(0x0102_0304))
    var buffer = ByteBuffer(bytes: [0x05, 0x01, 0x00, 0x04] + octets + [0x00, 0x50])
    #expect(try SOCKSRequest.decode(from: &buffer)?.destination == SOCKSAddress(.v4(0x0102_0304), port: 80))
    for other in ["::1.2.3.4", "::ffff:0:1.2.3.4", "::fffe:1.2.3.4", "1::ffff:1.2.3.4"] {
      #expect(try #require(IPAddress(other)).octets.count == 16)
    }
  }

  @Test func everyPatternOfZeroGroupsReadsBack() {
    for pattern in UInt64(0)..<256 {
      let groups = (0..<8).map { pattern >> UInt64($0) & 1 == 1 ? UInt64($0 + 0xA0) : 0 }
      let address = IPAddress.v6(
        high: groups[..<4].reduce(0) { $0 << 16 | $1 }, low: groups[4...].reduce(0) { $0 << 16 | $1 })
      #expect(IPAddress(address.description) == address)
      #expect(IPAddress(groups.map { String($0, radix: 16) }.joined(separator: ":")) == address)
    }
  }

  @Test func readsSubstrings() {
    #expect(IPAddress("[::1]".dropFirst().dropLast()) == .v6(high: 0, low: 1))
  }
}
