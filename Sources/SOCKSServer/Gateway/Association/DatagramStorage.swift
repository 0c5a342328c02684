import NIOCore
import ProxySession

/// A few buffers that are used again and again for one datagram each: by the time of its next turn a buffer's datagram
/// has been sent, as a rule. One that has not is left to its holder.
struct DatagramStorage {
  /// More than are read at a time.
  private static let count = 2 * DatagramMemory.datagramsPerRead
  /// Bytes of the largest buffer that is kept.
  private static let keptCapacity = 4_096

  private var buffers: [ByteBuffer] = []
  private var next = 0

  /// A buffer to write to. What it holds means nothing.
  mutating func take() -> ByteBuffer {
    guard self.buffers.count == Self.count else { return ByteBuffer() }
    let buffer = self.buffers[self.next]
    // It is the taker's alone: no copy is made when it is written to.
    self.buffers[self.next] = ByteBuffer()
    return buffer
  }

  /// Keeps the buffer that was taken last, or one in its place.
  mutating func keep(_ buffer: ByteBuffer) {
    guard buffer.storageCapacity <= Self.keptCapacity else { return }
    guard self.buffers.count == Self.count else { return self.buffers.append(buffer) }
    self.buffers[self.next] = buffer
    self.next = (self.next + 1) % Self.count
  }
}
