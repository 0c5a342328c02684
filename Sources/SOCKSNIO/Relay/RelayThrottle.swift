public import NIOCore
public import SOCKSCore

/// Slows a relay down by making it wait before it reads. A conforming class belongs to the relay's event loop.
public protocol RelayThrottle: AnyObject {
  /// How long the relay is to wait before it reads from a side; zero when it may read now.
  func delay(beforeReadingFrom side: StreamRelay.Side, now: NIODeadline) -> TimeAmount

  /// So many octets of plaintext have come from a side.
  func received(_ count: Int, from side: StreamRelay.Side, now: NIODeadline)

  /// The most octets that one read may take, so that the pace stays even. Asked before each read.
  var largestRead: @Sendable () -> Int { get }
}

/// Receive buffers like those of ``GrowingReceiveAllocator``, but never larger than a throttle says.
struct PacedReceiveAllocator: RecvByteBufferAllocator {
  private var growing = GrowingReceiveAllocator()
  private let limit: @Sendable () -> Int

  init(limit: @escaping @Sendable () -> Int) { self.limit = limit }

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    allocator.buffer(capacity: min(self.growing.size, max(1, self.limit())))
  }

  mutating func record(actualReadBytes: Int) -> Bool { self.growing.record(actualReadBytes: actualReadBytes) }
}
