import NIOCore
import SOCKSCore

/// The sending half of the encapsulation layer: holds writes until they are flushed, then wraps them together.
struct EncapsulationOutbound {
  private struct PendingWrite {
    var plaintext: ByteBuffer
    var sealed: Bool
    var promise: EventLoopPromise<Void>?
  }

  /// Frames to be sent with one write, and whom to tell.
  struct Batch {
    var frames: ByteBuffer
    var promises: [EventLoopPromise<Void>]
  }

  private let protection: any PerMessageProtection
  private let level: ProtectionLevel
  private var selective: SelectiveSealing
  private var pending = CircularBuffer<PendingWrite>()
  /// How many of the pending writes are flushed.
  private var flushed = 0
  /// Promises of a batch that could not be wrapped.
  private var unsent: [EventLoopPromise<Void>] = []

  init(protection: any PerMessageProtection, level: ProtectionLevel, selective: SelectiveSealing) {
    self.protection = protection
    self.level = level
    self.selective = selective
  }

  /// True when there is something to wrap.
  var hasFlushed: Bool { self.flushed > 0 }

  mutating func streamBegan() { self.selective.streamBegan() }

  mutating func write(_ plaintext: ByteBuffer, promise: EventLoopPromise<Void>?) {
    let sealed =
      switch self.level {
      // "if protection level 1 is agreed then conf_req_flag MUST always be FALSE" (section 5)
      case .integrity: false
      case .confidentiality: true
      case .selective: self.selective.mustSeal(plaintext.readableBytesView)
      }
    self.pending.append(PendingWrite(plaintext: plaintext, sealed: sealed, promise: promise))
  }

  mutating func flush() { self.flushed = self.pending.count }

  /// Wraps what is flushed, up to about `limit` octets; nil when there is nothing.
  ///
  /// - Throws: what the engine throws. The promises of the batch are among those that ``takePromises()`` gives then:
  ///   nobody is told from inside a call, for who is told may call again.
  mutating func wrap(limit: Int, allocator: ByteBufferAllocator) throws(SOCKSError) -> Batch? {
    guard self.hasFlushed else { return nil }
    var frames: EncapsulatedFrames?
    var promises: [EventLoopPromise<Void>] = []
    var work = 0
    while work < limit, let (plaintext, sealed) = self.next(limit: limit - work, &promises) {
      work += plaintext.readableBytes
      guard plaintext.readableBytes > 0 else { continue }
      var target =
        frames ?? EncapsulatedFrames(capacity: plaintext.readableBytes + Self.expectedOverhead, allocator: allocator)
      frames = nil
      do throws(SOCKSError) {
        try self.protection.wrap(plaintext, sealed: sealed, into: &target)
      } catch {
        self.unsent = promises
        throw error
      }
      frames = target
    }
    return Batch(frames: frames?.buffer ?? ByteBuffer(), promises: promises)
  }

  /// Forgets everything that is not sent, and gives back whom to tell.
  mutating func takePromises() -> [EventLoopPromise<Void>] {
    let promises = self.unsent + self.pending.compactMap(\.promise)
    self.unsent = []
    self.pending = CircularBuffer()
    self.flushed = 0
    return promises
  }

  /// Room for the headers of a few tokens; the buffer grows where it is not enough.
  private static let expectedOverhead = 1_024

  /// The next flushed plaintext, at most `limit` octets: small writes that are protected alike become one.
  private mutating func next(
    limit: Int, _ promises: inout [EventLoopPromise<Void>]
  ) -> (ByteBuffer, sealed: Bool)? {
    guard var first = self.takeFirst(limit: limit, &promises) else { return nil }
    while let second = self.pending.first, self.flushed > 0, second.sealed == first.sealed,
      first.plaintext.readableBytes + second.plaintext.readableBytes <= limit
    {
      guard let taken = self.takeFirst(limit: limit, &promises) else { break }
      first.plaintext.writeImmutableBuffer(taken.plaintext)
    }
    return (first.plaintext, first.sealed)
  }

  private mutating func takeFirst(limit: Int, _ promises: inout [EventLoopPromise<Void>]) -> PendingWrite? {
    guard self.flushed > 0, var write = self.pending.first else { return nil }
    if write.plaintext.readableBytes > limit, let part = write.plaintext.readSlice(length: limit) {
      // The promise stays with the last part.
      self.pending[self.pending.startIndex] = write
      return PendingWrite(plaintext: part, sealed: write.sealed, promise: nil)
    }
    self.pending.removeFirst()
    self.flushed -= 1
    if let promise = write.promise { promises.append(promise) }
    return write
  }
}
