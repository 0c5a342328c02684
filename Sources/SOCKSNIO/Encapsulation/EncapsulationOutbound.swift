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
  /// Frames made and not given away yet.
  private var frames: EncapsulatedFrames?
  /// Whom to tell of them.
  private var promises: [EventLoopPromise<Void>] = []

  /// Octets of frames that are given away although more is flushed. What is longer leaves the processor's second cache
  /// before it is written, and what is shorter wakes the receiver more often: both cost a tenth more.
  static let longWrite = 512 * 1_024

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

  /// Wraps what is flushed, up to about `limit` octets; nil when there is nothing, or when the next call adds to it: one
  /// long write costs a good deal less than several.
  ///
  /// - Throws: what the engine throws. The promises of the batch are among those that ``takePromises()`` gives then:
  ///   nobody is told from inside a call, for who is told may call again.
  mutating func wrap(limit: Int, allocator: ByteBufferAllocator) throws(SOCKSError) -> Batch? {
    guard self.hasFlushed else { return nil }
    var work = 0
    while work < limit, let (plaintext, sealed) = self.next(limit: limit - work) {
      work += plaintext.readableBytes
      guard plaintext.readableBytes > 0 else { continue }
      var frames = self.frames ?? self.makeFrames(for: plaintext.readableBytes, allocator)
      // Nobody else has them: no copy is made when they are written to.
      self.frames = nil
      try self.protection.wrap(plaintext, sealed: sealed, into: &frames)
      self.frames = frames
    }
    let frames = self.frames?.buffer ?? ByteBuffer()
    guard !self.hasFlushed || frames.readableBytes >= Self.longWrite else { return nil }
    defer {
      self.frames = nil
      self.promises = []
    }
    return Batch(frames: frames, promises: self.promises)
  }

  /// Forgets everything that is not sent, and gives back whom to tell.
  mutating func takePromises() -> [EventLoopPromise<Void>] {
    let promises = self.promises + self.pending.compactMap(\.promise)
    self.frames = nil
    self.promises = []
    self.pending = CircularBuffer()
    self.flushed = 0
    return promises
  }

  /// With room for `octets` of plaintext and what is flushed behind them, as far as they go into one write.
  private func makeFrames(for octets: Int, _ allocator: ByteBufferAllocator) -> EncapsulatedFrames {
    var plaintext = octets
    for write in self.pending.prefix(self.flushed) where plaintext < Self.longWrite {
      plaintext += write.plaintext.readableBytes
    }
    plaintext = min(plaintext, max(octets, Self.longWrite))
    return EncapsulatedFrames(capacity: plaintext + plaintext / 64 + Self.leastOverhead, allocator: allocator)
  }

  /// Room for what a few small tokens add; the buffer grows where that is not enough.
  private static let leastOverhead = 1_024

  /// The next flushed plaintext, at most `limit` octets: small writes that are protected alike become one.
  private mutating func next(limit: Int) -> (ByteBuffer, sealed: Bool)? {
    guard var first = self.takeFirst(limit: limit) else { return nil }
    while let second = self.pending.first, self.flushed > 0, second.sealed == first.sealed,
      first.plaintext.readableBytes + second.plaintext.readableBytes <= limit
    {
      guard let taken = self.takeFirst(limit: limit) else { break }
      first.plaintext.writeImmutableBuffer(taken.plaintext)
    }
    return (first.plaintext, first.sealed)
  }

  private mutating func takeFirst(limit: Int) -> PendingWrite? {
    guard self.flushed > 0, var write = self.pending.first else { return nil }
    if write.plaintext.readableBytes > limit, let part = write.plaintext.readSlice(length: limit) {
      // The promise stays with the last part.
      self.pending[self.pending.startIndex] = write
      return PendingWrite(plaintext: part, sealed: write.sealed, promise: nil)
    }
    self.pending.removeFirst()
    self.flushed -= 1
    if let promise = write.promise { self.promises.append(promise) }
    return write
  }
}
