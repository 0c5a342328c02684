public import NIOCore

/// Receive buffers that are small while little comes, grow with traffic, and are given away with what was read.
///
/// The channel's own pool would keep the last buffer for as long as the connection lives: at 2 MiB that is what an idle
/// session would cost. With no hint of the next size, and "the next one may be larger" after each read, the pool stores
/// only the first and smallest one. To be used with one message per read (``ChannelOptions/maxMessagesPerRead``).
public struct GrowingReceiveAllocator: RecvByteBufferAllocator {
  /// Octets of the largest read of a busy connection. Its sender sleeps less often than with shorter ones: a read of 2 MiB
  /// costs about an eighth less of the gateway's time for each octet than one of 1 MiB, with and without protection.
  public static let largest = 2 * 1_024 * 1_024

  public let minimum: Int
  public let maximum: Int
  /// Octets of the next buffer.
  private(set) var size: Int

  /// - Parameters:
  ///   - minimum: the first size, in octets.
  ///   - maximum: the largest size, in octets.
  public init(minimum: Int = 2_048, maximum: Int = GrowingReceiveAllocator.largest) {
    self.minimum = max(64, minimum)
    self.maximum = max(self.minimum, maximum)
    self.size = self.minimum
  }

  public func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: self.size) }

  public mutating func record(actualReadBytes: Int) -> Bool {
    if actualReadBytes >= self.size {
      self.size = min(self.maximum, self.size * 4)
    } else if actualReadBytes < self.size / 4 {
      self.size = max(self.minimum, self.size / 2)
    }
    return true
  }
}
