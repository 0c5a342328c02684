import NIOCore
import SOCKSCore

/// Tokens of a mechanism that protects nothing, but is numbered, has two directions, and knows sealed from signed:
/// `f0 direction sealed number(8) plaintext`.
enum FakeToken {
  enum Sender: UInt8 {
    case client = 0x43
    case server = 0x53
  }

  private static let mark: UInt8 = 0xf0

  static func wrap(_ plaintext: [UInt8], from sender: Sender, number: UInt64, isSealed: Bool) -> ByteBuffer {
    var token = ByteBuffer(bytes: [Self.mark, sender.rawValue, isSealed ? 1 : 0])
    token.writeInteger(number)
    token.writeBytes(plaintext)
    return token
  }

  /// The plaintext, and what a library that checks no order says of it; an error for anything that is no token.
  static func unwrap(_ token: ByteBuffer, from sender: Sender) -> UnwrapResult {
    var token = token
    guard let (mark, direction, sealed) = token.readMultipleIntegers(as: (UInt8, UInt8, UInt8).self),
      mark == Self.mark, direction == sender.rawValue, sealed <= 1, let number: UInt64 = token.readInteger()
    else { return .failed(SOCKSError(.protectionFailed)) }
    let plaintext = token.octets
    return .unwrapped(
      plaintext,
      UnwrapOutcome(
        plaintextLength: plaintext.count, isConfidential: sealed == 1, status: [], sequenceNumber: number))
  }

  /// `01 03 len token`
  static func encapsulation(
    _ plaintext: [UInt8], from sender: Sender, number: UInt64, isSealed: Bool
  ) -> [UInt8] {
    message(type: 0x03, token: wrap(plaintext, from: sender, number: number, isSealed: isSealed).octets)
  }

  /// `01 type len token`
  static func message(type: UInt8, token: [UInt8]) -> [UInt8] {
    [0x01, type, UInt8(token.count >> 8), UInt8(token.count & 0xff)] + token
  }
}
