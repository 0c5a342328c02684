import NIOCore
import SOCKSCore
import Testing

/// The fields that have a length in front of them, at the ends of their ranges.
@Suite struct FieldLengthTests {
  @Test(arguments: [0, 1, 255, 256, 65_534, 65_535])
  func aTokenOfThisLengthTravels(length: Int) throws {
    let token = ByteBuffer(repeating: 0x5a, count: length)
    for (type, message) in [
      (0x01, GSSMessage.authentication(token: token)), (0x02, .protectionLevel(token: token)),
      (0x03, .encapsulation(token: token)),
    ] as [(UInt8, GSSMessage)] {
      var buffer = ByteBuffer()
      try message.encode(into: &buffer)
      #expect(buffer.octets.prefix(4) == [0x01, type, UInt8(length >> 8), UInt8(length & 0xff)])
      #expect(buffer.readableBytes == 4 + length)
      #expect(message.type.rawValue == type)
      buffer.writeInteger(UInt8(0x01))
      #expect(try GSSMessage.decode(from: &buffer) == message)
      #expect(buffer.octets == [0x01])
    }
  }

  @Test(arguments: [65_536, 65_537, 1_000_000])
  func aTokenOfThisLengthDoesNotFit(length: Int) {
    let token = ByteBuffer(repeating: 0x5a, count: length)
    for message in [
      GSSMessage.authentication(token: token), .protectionLevel(token: token), .encapsulation(token: token),
    ] {
      var buffer = ByteBuffer()
      #expect(throws: SOCKSError(.tokenTooLong)) { try message.encode(into: &buffer) }
      #expect(buffer.readableBytes == 0)
    }
    var frames = ByteBuffer()
    GSSMessageHeader.reserveEncapsulation(in: &frames)
    frames.writeImmutableBuffer(token)
    #expect(throws: SOCKSError(.protectionFailed)) { try GSSMessageHeader.completeEncapsulation(at: 0, in: &frames) }
  }

  @Test func anEncapsulatedTokenIsNotEmpty() {
    var frames = ByteBuffer()
    GSSMessageHeader.reserveEncapsulation(in: &frames)
    #expect(throws: SOCKSError(.protectionFailed)) { try GSSMessageHeader.completeEncapsulation(at: 0, in: &frames) }
  }

  @Test func theLongestTokenIsWaitedForToItsLastOctet() throws {
    var buffer = ByteBuffer(0x01, 0x03, 0xff, 0xff)
    buffer.writeRepeatingByte(0x00, count: 65_534)
    #expect(try GSSMessage.decode(from: &buffer) == nil)
    #expect(buffer.readableBytes == 65_538)
    buffer.writeInteger(UInt8(0x00))
    #expect(try GSSMessage.decode(from: &buffer) == .encapsulation(token: ByteBuffer(repeating: 0, count: 65_535)))
  }

  @Test func aHeaderIsSeenAtAnyOffset() throws {
    let buffer = ByteBuffer(bytes: [UInt8](hex: "aa bb 01 03 0102 01 ff 01"))
    #expect(try GSSMessageHeader.peek(in: buffer, at: 2) == .message(.encapsulation, tokenLength: 0x0102))
    #expect(try GSSMessageHeader.peek(in: buffer, at: 6) == .abort)
    #expect(try GSSMessageHeader.peek(in: buffer, at: 8) == nil)
    #expect(try GSSMessageHeader.peek(in: buffer, at: 9) == nil)
    #expect(try GSSMessageHeader.peek(in: buffer, at: 100) == nil)
    #expect(throws: SOCKSError(.wrongVersion)) { try GSSMessageHeader.peek(in: buffer, at: 0) }
    var written = ByteBuffer()
    GSSMessageHeader.reserveEncapsulation(in: &written)
    written.writeRepeatingByte(0x5a, count: 65_535)
    try GSSMessageHeader.completeEncapsulation(at: 0, in: &written)
    #expect(written.octets.prefix(4) == [0x01, 0x03, 0xff, 0xff])
  }

  @Test func offersHoldOneTo255Methods() throws {
    let methods = (UInt8(0)..<255).map(SOCKSMethod.init(rawValue:))
    var buffer = ByteBuffer()
    try SOCKSMethodOffer(methods: methods).encode(into: &buffer)
    #expect(buffer.octets == [0x05, 0xff] + Array(0..<255))
    #expect(try SOCKSMethodOffer.decode(from: &buffer)?.methods == methods)
    #expect(throws: SOCKSError(.valueOutOfRange)) { try SOCKSMethodOffer(methods: []) }
    #expect(throws: SOCKSError(.valueOutOfRange)) { try SOCKSMethodOffer(methods: methods + [.gssapi]) }
  }

  @Test func namesAndPasswordsHaveAtMost255Octets() throws {
    let longest = [UInt8](repeating: 0x61, count: 255)
    var buffer = ByteBuffer()
    let request = try UsernamePasswordRequest(username: longest, password: longest)
    request.encode(into: &buffer)
    #expect(buffer.octets == [0x01, 0xff] + longest + [0xff] + longest)
    #expect(try UsernamePasswordRequest.decode(from: &buffer) == request)
    for (username, password) in [(longest + [0x61], []), ([], longest + [0x61])] {
      #expect(throws: SOCKSError(.valueOutOfRange)) {
        try UsernamePasswordRequest(username: username, password: password)
      }
    }
  }

  @Test func aPasswordIsNotShown() throws {
    let request = try UsernamePasswordRequest(username: Array("alice".utf8), password: Array("secret".utf8))
    for text in ["\(request)", String(reflecting: request), "\(ServerNegotiation.Action.checkPassword(request))"] {
      #expect(!text.contains("secret") && !text.contains("115"))
      #expect(!text.contains("alice") && !text.contains("97"))
    }
    #expect(Mirror(reflecting: request).children.isEmpty)
  }

  @Test func everyPortTravels() throws {
    for port in UInt16.min...UInt16.max {
      var buffer = ByteBuffer()
      SOCKSReply(code: .succeeded, bound: SOCKSAddress(.v4(0), port: port)).encode(into: &buffer)
      let decoded = try SOCKSReply.decode(from: &buffer)
      if decoded?.bound.port != port { Issue.record("port \(port) became \(String(describing: decoded))") }
    }
  }
}
