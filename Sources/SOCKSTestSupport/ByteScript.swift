import NIOCore
public import SOCKSCore

/// One end of a session, octet by octet: what a scripted peer sends, and how it reads what it gets.
public struct ByteScript: Sendable {
  public let key: UInt64
  /// The number of the next token sent.
  public var nextNumber: UInt64

  public init(key: UInt64 = 0x0123_4567_89ab_cdef, firstNumber: UInt64 = 1_000) {
    self.key = key
    self.nextNumber = firstNumber
  }

  /// `01 01 len token`
  public static func authentication(_ token: [UInt8]) -> [UInt8] {
    [0x01, 0x01, UInt8(token.count >> 8 & 0xff), UInt8(token.count & 0xff)] + token
  }

  /// `01 02 len token`, signed or sealed.
  public mutating func level(_ octets: [UInt8], sealed: Bool = false) -> [UInt8] {
    self.token(octets, sealed: sealed).message(key: self.key, type: 0x02)
  }

  /// `01 03 len token`
  public mutating func encapsulated(_ plaintext: [UInt8], sealed: Bool = true) -> [UInt8] {
    self.token(plaintext, sealed: sealed).message(key: self.key)
  }

  /// `05 01 00 01 addr port`
  public static func connect(_ address: UInt32 = 0xc000_0201, port: UInt16 = 80) -> [UInt8] {
    var buffer = ByteBuffer()
    SOCKSRequest(command: .connect, destination: SOCKSAddress(.v4(address), port: port)).encode(into: &buffer)
    return Array(buffer.readableBytesView)
  }

  public static func reply(_ code: SOCKSReplyCode = .succeeded) -> [UInt8] {
    var buffer = ByteBuffer()
    SOCKSReply(code: code, bound: SOCKSAddress(.v4(0xc000_0202), port: 4_321)).encode(into: &buffer)
    return Array(buffer.readableBytesView)
  }

  private mutating func token(_ plaintext: [UInt8], sealed: Bool) -> FakeToken {
    defer { self.nextNumber += 1 }
    return FakeToken(isSealed: sealed, number: self.nextNumber, plaintext: plaintext)
  }

  // MARK: Reading

  /// Opens all tokens in encapsulated messages; nil when something else is among them.
  public static func tokens(
    in octets: [UInt8], type: GSSMessageType = .encapsulation, key: UInt64 = 0x0123_4567_89ab_cdef
  ) -> [FakeToken]? {
    var buffer = ByteBuffer(bytes: octets)
    var tokens: [FakeToken] = []
    while buffer.readableBytes > 0 {
      guard let header = buffer.readBytes(length: 4), header[0] == 0x01, header[1] == type.rawValue,
        let octets = buffer.readBytes(length: Int(header[2]) << 8 | Int(header[3])),
        let token = FakeToken(octets, key: key)
      else { return nil }
      tokens.append(token)
    }
    return tokens
  }
}
