import NIOCore
import SOCKSCore
import Testing

@Suite struct HostNameTests {
  @Test(arguments: [1, 2, 63, 254, 255])
  func aNameOfThisLengthTravels(length: Int) throws {
    let text = String(repeating: "n", count: length)
    let request = SOCKSRequest(
      command: .connect, destination: SOCKSAddress(host: .name(try DomainName(text)), port: 0x1234))
    var buffer = ByteBuffer()
    request.encode(into: &buffer)
    #expect(buffer.octets == [0x05, 0x01, 0x00, 0x03, UInt8(length)] + Array(text.utf8) + [0x12, 0x34])
    #expect(try SOCKSRequest.decode(from: &buffer) == request)
    #expect(buffer.readableBytes == 0)
  }

  @Test(arguments: [0, 256, 257, 65_536])
  func aNameOfThisLengthIsRefused(length: Int) {
    #expect(throws: SOCKSError(.valueOutOfRange)) { try DomainName(String(repeating: "n", count: length)) }
  }

  @Test func lengthsAreCountedInOctets() throws {
    #expect(try DomainName(String(repeating: "é", count: 127)).text.utf8.count == 254)
    #expect(throws: SOCKSError(.valueOutOfRange)) { try DomainName(String(repeating: "é", count: 128)) }
  }

  @Test func everyControlCharacterAndSpaceIsRefused() throws {
    for value in UInt8(0)...0x7f {
      let text = "a\(Character(Unicode.Scalar(value)))b"
      if value <= 0x20 || value == 0x7f {
        #expect(throws: SOCKSError(.valueOutOfRange), "\(value)") { try DomainName(text) }
      } else {
        #expect(try DomainName(text).text == text)
      }
    }
  }

  /// Controls of the upper half, spaces of all kinds, line separators, marks that turn the direction of writing.
  @Test(
    arguments: [
      0x80, 0x85, 0x9b, 0x9f, 0xa0, 0xad, 0x1680, 0x2003, 0x200b, 0x200e, 0x202e, 0x2028, 0x2029, 0x2066, 0x3000,
      0xfeff,
      0xe0041,
    ] as [UInt32])
  func everyInvisibleCharacterIsRefused(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    #expect(throws: SOCKSError(.valueOutOfRange)) { try DomainName("a\(Character(scalar))b") }
    var buffer = ByteBuffer()
    let name = Array("a\(Character(scalar))b".utf8)
    buffer.writeBytes([0x05, 0x01, 0x00, 0x03, UInt8(name.count)] + name + [0x00, 0x50])
    #expect(throws: SOCKSError(.malformedMessage)) { try SOCKSRequest.decode(from: &buffer) }
  }

  @Test func literalsInNameFieldsAreNormalized() throws {
    #expect(SOCKSHost.name(try DomainName("127.0.0.1")).normalized == .address(.v4(0x7f00_0001)))
    #expect(SOCKSHost.name(try DomainName("::1")).normalized == .address(.v6(high: 0, low: 1)))
    let name = SOCKSHost.name(try DomainName("127.1"))
    #expect(name.normalized == name)
    #expect(try SOCKSHost("192.0.2.1") == .address(.v4(0xC000_0201)))
    #expect(try SOCKSHost("a.example") == .name(DomainName("a.example")))
    #expect(throws: SOCKSError(.valueOutOfRange)) { try SOCKSHost("") }
  }

  @Test func addressesAreWrittenWithTheirPort() throws {
    #expect(SOCKSAddress(.v4(0xC000_0201), port: 80).description == "192.0.2.1:80")
    #expect(SOCKSAddress(.v6(high: 0, low: 1), port: 80).description == "[::1]:80")
    #expect(SOCKSAddress(host: .name(try DomainName("a.example")), port: 80).description == "a.example:80")
  }
}
