import NIOCore
import SOCKSCore
import SOCKSNIO

/// Protection that protects nothing: 16 octets, the plaintext, 12 octets. It works as a fast engine does: up to 16 equal
/// tokens written together, and tokens opened where they lie.
final class CopyingProtection: PerMessageProtection {
  static let before = 16
  static let after = 12
  static let overhead = before + after

  let engine = "copy"
  private var received: UInt64 = 0

  func wrap(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    let size = min(max(plaintext.readableBytes / 16, 1_024), 16_384)
    var lengths: [Int] = []
    var rest = plaintext.readableBytes
    while rest > 0 {
      lengths.append(min(size, rest) + Self.overhead)
      rest -= min(size, rest)
    }
    try frames.appendTokens(lengths: lengths, sealed: sealed) { span throws(SOCKSError) in
      var offset = 0
      for length in lengths {
        let part = offset..<offset + length - Self.overhead
        Self.append(plaintext.readableBytesSpan.extracting(part), behind: GSSMessage.headerLength, to: &span)
        offset = part.upperBound
      }
      return sealed
    }
  }

  func wrapDatagram(_ plaintext: ByteBuffer, sealed: Bool, into frames: inout EncapsulatedFrames) throws(SOCKSError) {
    try frames.appendToken(maximumLength: plaintext.readableBytes + Self.overhead, sealed: sealed) {
      span throws(SOCKSError) in
      Self.append(plaintext.readableBytesSpan, behind: 0, to: &span)
      return sealed
    }
  }

  func unwrap(
    _ batch: inout TokenBatch, into plaintext: inout ByteBuffer, outcomes: inout [UnwrapOutcome]
  ) -> SOCKSError? {
    let tokens = batch.withTokens { _, tokens in tokens }
    for token in tokens {
      let part = token.lowerBound + Self.before..<token.upperBound - Self.after
      batch.openedInPlace(part)
      outcomes.append(self.outcome(part.count))
    }
    return nil
  }

  func wrapProtectionLevel(_ octet: UInt8) -> WrapResult {
    .wrapped(token: ByteBuffer(bytes: Self.token([octet])))
  }

  func unwrapProtectionLevel(_ token: ByteBuffer) -> UnwrapResult {
    guard let octet = token.getBytes(at: token.readerIndex + Self.before, length: 1) else {
      return .failed(SOCKSError(.protectionFailed))
    }
    return .unwrapped(octet, self.outcome(1))
  }

  private func outcome(_ count: Int) -> UnwrapOutcome {
    defer { self.received += 1 }
    return UnwrapOutcome(plaintextLength: count, isConfidential: true, status: [], sequenceNumber: self.received)
  }

  private static func append(_ plaintext: RawSpan, behind header: Int, to span: inout OutputRawSpan) {
    unsafe span.withUnsafeMutableBytes { memory, initialized in
      let start = initialized + header + Self.before
      unsafe plaintext.withUnsafeBytes { octets in
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + octets.count])
        unsafe room.copyMemory(from: octets)
      }
      initialized = start + plaintext.byteCount + Self.after
    }
  }

  /// A token as the peer makes it.
  static func token(_ plaintext: [UInt8]) -> [UInt8] {
    [UInt8](repeating: 0, count: Self.before) + plaintext + [UInt8](repeating: 0, count: Self.after)
  }

  /// `01 type len token`
  static func message(_ plaintext: [UInt8], type: UInt8 = 0x03) -> [UInt8] {
    let token = Self.token(plaintext)
    return [0x01, type, UInt8(token.count >> 8), UInt8(token.count & 0xff)] + token
  }
}

extension AgreedProtection {
  /// Level 2, and a level message with the number 0.
  static func seen(by protection: CopyingProtection) throws -> AgreedProtection {
    guard
      case .unwrapped(_, let outcome) = protection.unwrapProtectionLevel(
        ByteBuffer(bytes: CopyingProtection.token([2])))
    else { throw PieceError("no level") }
    var check = IncomingMessageCheck()
    try check.verify(outcome)
    return AgreedProtection(level: .confidentiality, attributes: .sufficient, incoming: check.at(.confidentiality))
  }
}

extension SecurityContextAttributes {
  /// What satisfies a gateway.
  static let sufficient = SecurityContextAttributes(
    services: [.mutual, .replay, .sequence, .integrity, .confidentiality], mechanism: "krb5", encryptionType: 18,
    initiatorName: "alice@GARTER.TEST", acceptorName: "socks/gate.test@GARTER.TEST", lifetime: 3_600)
}
