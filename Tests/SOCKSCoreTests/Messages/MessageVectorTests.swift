import NIOCore
import SOCKSCore
import Testing

/// Octets written down from the RFCs, and what they mean.
struct MessageVector: Sendable, CustomTestStringConvertible {
  var hex: String
  var message: WireMessage

  var octets: [UInt8] { [UInt8](hex: self.hex) }
  var testDescription: String { self.hex }

  static func all() throws -> [MessageVector] {
    let v6 = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 0x1)
    let name = SOCKSHost.name(try HostName("a.example"))
    let v4 = SOCKSHost.address(.v4(0xC000_0201))
    func request(_ command: SOCKSCommand, _ host: SOCKSHost, _ port: UInt16) -> WireMessage {
      .request(SOCKSRequest(command: command, destination: SOCKSAddress(host: host, port: port)))
    }
    func reply(_ code: SOCKSReplyCode) -> WireMessage { .reply(SOCKSReply(code: code)) }
    let pairs: [(String, WireMessage)] = [
      // RFC 1928 section 3
      ("05 01 00", .offer(try SOCKSMethodOffer(methods: [.noAuthentication]))),
      ("05 03 00 01 02", .offer(try SOCKSMethodOffer(methods: [.noAuthentication, .gssapi, .usernamePassword]))),
      ("05 02 80 ff", .offer(try SOCKSMethodOffer(methods: [SOCKSMethod(rawValue: 0x80), .noneAcceptable]))),
      ("05 00", .selection(SOCKSMethodSelection(method: .noAuthentication))),
      ("05 01", .selection(SOCKSMethodSelection(method: .gssapi))),
      ("05 02", .selection(SOCKSMethodSelection(method: .usernamePassword))),
      ("05 ff", .selection(SOCKSMethodSelection(method: .noneAcceptable))),
      // Sections 4 and 5
      ("05 01 00 01 c0000201 01bb", .request(.connect)),
      ("05 02 00 01 c0000201 0000", request(.bind, v4, 0)),
      ("05 03 00 01 c0000201 ffff", request(.udpAssociate, v4, 65_535)),
      ("05 09 00 01 c0000201 0001", request(SOCKSCommand(rawValue: 0x09), v4, 1)),
      ("05 01 00 04 20010db8000000000000000000000001 0050", request(.connect, .address(v6), 80)),
      ("05 01 00 03 09 612e6578616d706c65 0050", request(.connect, name, 80)),
      // Section 6
      ("05 00 00 01 cb007105 0438", .reply(.success)),
      (
        "05 00 00 04 20010db8000000000000000000000001 0438",
        .reply(SOCKSReply(code: .succeeded, bound: SOCKSAddress(v6, port: 1080)))
      ),
      (
        "05 00 00 03 09 612e6578616d706c65 0438",
        .reply(SOCKSReply(code: .succeeded, bound: SOCKSAddress(host: name, port: 1080)))
      ),
      ("05 01 00 01 00000000 0000", reply(.generalFailure)),
      ("05 02 00 01 00000000 0000", reply(.notAllowedByRuleset)),
      ("05 03 00 01 00000000 0000", reply(.networkUnreachable)),
      ("05 04 00 01 00000000 0000", reply(.hostUnreachable)),
      ("05 05 00 01 00000000 0000", reply(.connectionRefused)),
      ("05 06 00 01 00000000 0000", reply(.ttlExpired)),
      ("05 07 00 01 00000000 0000", reply(.commandNotSupported)),
      ("05 08 00 01 00000000 0000", reply(.addressTypeNotSupported)),
      // RFC 1929 section 2
      (
        "01 03 626f62 02 7077",
        .passwordRequest(try UsernamePasswordRequest(username: Array("bob".utf8), password: Array("pw".utf8)))
      ),
      ("01 00 00", .passwordRequest(try UsernamePasswordRequest(username: [], password: []))),
      ("01 01 ff 00", .passwordRequest(try UsernamePasswordRequest(username: [0xff], password: []))),
      ("01 00", .passwordResponse(.success)),
      ("01 01", .passwordResponse(.failure)),
      ("01 7f", .passwordResponse(UsernamePasswordResponse(status: 0x7f))),
      // RFC 1961 sections 3.4, 3.6, 3.8, 4.3 and 5
      ("01 01 0003 60 81 82", .gss(.authentication(token: ByteBuffer(0x60, 0x81, 0x82)))),
      ("01 01 0000", .gss(.authentication(token: ByteBuffer()))),
      ("01 02 0001 02", .gss(.protectionLevel(token: ByteBuffer(0x02)))),
      ("01 03 0002 05 04", .gss(.encapsulation(token: ByteBuffer(0x05, 0x04)))),
      ("01 03 0000", .gss(.encapsulation(token: ByteBuffer()))),
      ("01 ff", .gss(.abort)),
    ]
    return pairs.map { MessageVector(hex: $0.0, message: $0.1) }
  }
}

@Suite struct MessageVectorTests {
  /// The address of a refusal that cannot be read does not hide the refusal.
  @Test(arguments: ["00", "02 00000000 0000", "03 00 0000", "03 01 ff 0000", "05", "ff ffff"])
  func aRefusalWithAStrangeAddressIsARefusal(address: String) throws {
    for code in UInt8(1)...0xff {
      var buffer = ByteBuffer(bytes: [0x05, code, 0x00] + [UInt8](hex: address))
      #expect(try SOCKSReply.decode(from: &buffer) == SOCKSReply(code: SOCKSReplyCode(rawValue: code)))
      #expect(buffer.readableBytes == 0)
    }
  }

  @Test(arguments: try MessageVector.all())
  func encodesToTheOctets(_ vector: MessageVector) throws {
    #expect(try vector.message.encode() == vector.octets)
  }

  @Test(arguments: try MessageVector.all())
  func decodesFromTheOctets(_ vector: MessageVector) throws {
    var buffer = ByteBuffer(bytes: vector.octets)
    #expect(try vector.message.kind.decode(from: &buffer) == vector.message)
    #expect(buffer.readableBytes == 0)
  }

  @Test(arguments: try MessageVector.all())
  func leavesWhatFollowsInTheBuffer(_ vector: MessageVector) throws {
    for following in [[0x05], [0x01, 0xff], [UInt8](repeating: 0x03, count: 70_000)] {
      var buffer = ByteBuffer(bytes: vector.octets + following)
      #expect(try vector.message.kind.decode(from: &buffer) == vector.message)
      #expect(buffer.octets == following)
    }
  }

  @Test(arguments: try MessageVector.all())
  func waitsAtEveryCut(_ vector: MessageVector) throws {
    for count in 0..<vector.octets.count {
      let part = Array(vector.octets.prefix(count))
      var buffer = ByteBuffer(bytes: part)
      #expect(try vector.message.kind.decode(from: &buffer) == nil, "cut after \(count) octets")
      #expect(buffer.octets == part)
    }
  }

  @Test(arguments: try MessageVector.all())
  func readsOneOctetAtATime(_ vector: MessageVector) throws {
    // The octet before the message was read already: offsets do not start from zero.
    var buffer = ByteBuffer(0x00)
    buffer.moveReaderIndex(forwardBy: 1)
    var messages: [WireMessage] = []
    for octet in vector.octets {
      buffer.writeInteger(octet)
      if let message = try vector.message.kind.decode(from: &buffer) { messages.append(message) }
    }
    #expect(messages == [vector.message])
  }

  @Test func twoMessagesInOneBufferAreReadOneAfterTheOther() throws {
    for vector in try MessageVector.all() {
      var buffer = ByteBuffer(bytes: vector.octets + vector.octets)
      #expect(try vector.message.kind.decode(from: &buffer) == vector.message)
      #expect(try vector.message.kind.decode(from: &buffer) == vector.message)
      #expect(buffer.readableBytes == 0)
    }
  }
}
