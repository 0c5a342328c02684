import NIOCore
import SOCKSCore

@testable import SOCKSNIO

/// What two protections say to each other, without a channel between them.
enum Frames {
  struct Opened: Sendable {
    var plaintext: [UInt8]
    var outcomes: [UnwrapOutcome]
    var error: SOCKSError?
  }

  static func level(
    from: any PerMessageProtection, to: any PerMessageProtection, _ octet: UInt8
  ) -> UnwrapResult? {
    guard case .wrapped(let token) = from.wrapProtectionLevel(octet) else { return nil }
    return to.unwrapProtectionLevel(token)
  }

  static func wrap(
    _ plaintext: [UInt8], sealed: Bool, with protection: any PerMessageProtection
  ) throws -> ByteBuffer {
    var frames = EncapsulatedFrames(capacity: plaintext.count, allocator: ByteBufferAllocator())
    try protection.wrap(ByteBuffer(bytes: plaintext), sealed: sealed, into: &frames)
    return frames.buffer
  }

  static func ranges(in frames: ByteBuffer) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var offset = 0
    while let length: UInt16 = frames.getInteger(at: frames.readerIndex + offset + 2) {
      ranges.append(offset + 4..<offset + 4 + Int(length))
      offset += 4 + Int(length)
    }
    return ranges
  }

  static func lengths(in frames: ByteBuffer) -> [Int] { Self.ranges(in: frames).map(\.count) }

  static func open(_ frames: ByteBuffer, with protection: any PerMessageProtection) -> Opened {
    var batch = TokenBatch(frames: frames, tokens: Self.ranges(in: frames))
    var plaintext = ByteBuffer()
    var outcomes: [UnwrapOutcome] = []
    let error = protection.unwrap(&batch, into: &plaintext, outcomes: &outcomes)
    // Of an engine that opens tokens where they lie.
    let (storage, inPlace) = batch.takeParts()
    for range in inPlace {
      plaintext.writeBytes(storage.getBytes(at: storage.readerIndex + range.lowerBound, length: range.count) ?? [])
    }
    return Opened(plaintext: Array(plaintext.readableBytesView), outcomes: outcomes, error: error)
  }
}
