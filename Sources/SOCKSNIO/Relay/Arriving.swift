import NIOCore
import SOCKSCore

/// The last part of what one read has brought, kept back until it is known to be the last, and what came before it.
struct Arriving {
  private struct Read {
    var last: ByteBuffer?
    /// Octets of the whole read so far.
    var count = 0
  }

  private var fromClient = Read()
  private var fromTarget = Read()

  /// Keeps a part, and gives the one before it.
  mutating func exchange(_ part: ByteBuffer, from side: StreamRelay.Side) -> ByteBuffer? {
    switch side {
    case .client: Self.exchange(part, &self.fromClient)
    case .target: Self.exchange(part, &self.fromTarget)
    }
  }

  /// The last part, and the octets of all; nil when nothing has come.
  mutating func take(from side: StreamRelay.Side) -> (last: ByteBuffer, count: Int)? {
    switch side {
    case .client: Self.take(&self.fromClient)
    case .target: Self.take(&self.fromTarget)
    }
  }

  private static func exchange(_ part: ByteBuffer, _ read: inout Read) -> ByteBuffer? {
    defer { read.last = part }
    read.count += part.readableBytes
    return read.last
  }

  private static func take(_ read: inout Read) -> (last: ByteBuffer, count: Int)? {
    guard let last = read.last else { return nil }
    defer { read = Read() }
    return (last, read.count)
  }
}
