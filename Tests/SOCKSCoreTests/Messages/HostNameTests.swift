import NIOCore
import SOCKSCore
import Testing

@Suite struct HostNameTests {
  private static func labels(_ length: Int) -> String {
    var text = ""
    while text.utf8.count + 64 <= length { text += String(repeating: "n", count: 63) + "." }
    return text + String(repeating: "n", count: length - text.utf8.count)
  }

  private static func reason(_ field: some Collection<UInt8>) -> MalformedName.Reason? {
    if case .malformed(let name) = SOCKSHost(nameField: field) { name.reason } else { nil }
  }

  @Test(arguments: [1, 2, 63, 65, 128, 253])
  func aNameOfThisLengthTravels(length: Int) throws {
    let text = Self.labels(length)
    let request = SOCKSRequest(
      command: .connect, destination: SOCKSAddress(host: .name(try HostName(text)), port: 0x1234))
    var buffer = ByteBuffer()
    request.encode(into: &buffer)
    #expect(buffer.octets == [0x05, 0x01, 0x00, 0x03, UInt8(length)] + Array(text.utf8) + [0x12, 0x34])
    #expect(try SOCKSRequest.decode(from: &buffer) == request)
    #expect(buffer.readableBytes == 0)
  }

  /// Every field can be read; what it says is in the host, and goes back onto the wire as it came.
  @Test(
    arguments: [
      ([], .empty), (Array(".".utf8), .emptyLabel), (Array("a..b".utf8), .emptyLabel), (Array(".a".utf8), .emptyLabel),
      (Array("a..".utf8), .emptyLabel), (Array("a b".utf8), .character(0x20)), (Array("a%b".utf8), .character(0x25)),
      ([0x61, 0x00, 0x62], .character(0)), ([0x61, 0x0A], .character(0x0A)), (Array("[::1".utf8), .character(0x5B)),
      (Array("[fe80::1%eth0]".utf8), .character(0x5B)), (Array("fe80::1%eth0".utf8), .character(0x3A)),
      ([0xFF], .notUTF8), ([0xC3, 0x28], .notUTF8), ([0xC0, 0x80], .notUTF8), ([0xED, 0xA0, 0x80], .notUTF8),
      (Array(String(repeating: "a", count: 64).utf8), .labelTooLong),
      (Array(String(repeating: "a", count: 255).utf8), .labelTooLong),
      (Array(Self.labels(254).utf8), .tooLong(254)), (Array(Self.labels(255).utf8), .tooLong(255)),
      (Array((Self.labels(254) + ".").utf8), .tooLong(255)),
    ] as [([UInt8], MalformedName.Reason)])
  func whatNamesNoHostIsAValueOfItsOwn(field: [UInt8], reason: MalformedName.Reason) throws {
    #expect(Self.reason(field) == reason)
    let bytes = [0x05, 0x01, 0x00, 0x03, UInt8(field.count)] + field + [0x00, 0x50]
    var buffer = ByteBuffer(bytes: bytes)
    let request = try #require(try SOCKSRequest.decode(from: &buffer))
    var written = ByteBuffer()
    request.encode(into: &written)
    #expect(written.octets == bytes)
    if let text = String(validating: field, as: UTF8.self) {
      #expect(throws: SOCKSError(.malformedName)) { try SOCKSHost(text) }
    }
    #expect(SOCKSReplyCode(refusing: SOCKSError(MalformedName(field, reason)).code) == .hostUnreachable)
  }

  @Test func everyOtherASCIICharacterIsRefused() {
    for value in UInt8(0)..<0x80 {
      let isGood =
        switch value {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
      #expect(Self.reason([0x67, value, 0x68]) == (isGood ? nil : .character(value)), "\(value)")
    }
  }

  @Test func namesAreKeptAsTheyWereWritten() throws {
    let name = try HostName("WWW.Example_1.COM.")
    #expect(name.text == "WWW.Example_1.COM." && name.canonical == "www.example_1.com" && name.isAbsolute)
    #expect(!name.hasSingleLabel)
    #expect(try HostName("a.").hasSingleLabel && HostName("LocalHost.").isLocalhost && !HostName("a").isAbsolute)
    #expect(try HostName("a").appending(HostName("b.c."))?.canonical == "a.b.c")
    #expect(try HostName(String(repeating: "a", count: 63)).appending(HostName(Self.labels(190))) == nil)
    #expect(try SOCKSHost.name(HostName("A.b.")).isSame(as: .name(HostName("a.B"))))
  }

  /// Brackets and a final dot occur in no host name that has this form otherwise: only the literal can be meant.
  @Test(
    arguments: [
      ("127.0.0.1", "127.0.0.1"), ("127.0.0.1.", "127.0.0.1"), ("[127.0.0.1]", "127.0.0.1"), ("::1", "::1"),
      ("[::1]", "::1"), ("[::ffff:127.0.0.1]", "127.0.0.1"), ("::FFFF:7f00:1", "127.0.0.1"),
      ("[2001:DB8::1]", "2001:db8::1"),
    ])
  func literalsInNameFieldsAreAddresses(field: String, address: String) throws {
    #expect(try SOCKSHost(nameField: field.utf8) == .address(#require(IPAddress(address))))
    #expect(try SOCKSHost(field) == .address(#require(IPAddress(address))))
  }

  @Test(arguments: ["127.1", "0x7f.1", "1.2.3.4.5", "2130706433", "a.example"])
  func otherTextsAreNames(text: String) throws {
    #expect(try SOCKSHost(text) == .name(HostName(text)))
  }

  /// What is not ASCII waits to be converted; then it is read as any field is.
  @Test func namesBeyondASCIIWait() throws {
    guard case .unconverted(let name) = SOCKSHost(nameField: "bücher。test".utf8) else {
      Issue.record("not kept")
      return
    }
    #expect(name.host(converted: "xn--bcher-kva.test") == .name(try HostName("xn--bcher-kva.test")))
    #expect(name.host(converted: "127.0.0.1") == .address(.v4(0x7F00_0001)))
    #expect(name.host(converted: "[::1]") == .address(.v6(high: 0, low: 1)))
    for wrong in ["a..b", "ü", "", "a b"] {
      guard case .malformed = name.host(converted: wrong) else {
        Issue.record("\(wrong) passed")
        continue
      }
    }
    #expect(Self.reason(String(repeating: "é", count: 128).utf8) == .tooLong(256))
  }

  @Test func addressesAreWrittenWithTheirPort() throws {
    #expect(SOCKSAddress(.v4(0xC000_0201), port: 80).description == "192.0.2.1:80")
    #expect(SOCKSAddress(.v6(high: 0, low: 1), port: 80).description == "[::1]:80")
    #expect(SOCKSAddress(host: .name(try HostName("a.example")), port: 80).description == "a.example:80")
  }
}
