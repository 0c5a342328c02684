import NIOCore
import SOCKSNIO
import Testing

@Suite struct GrowingReceiveAllocatorTests {
  private static let allocator = ByteBufferAllocator()

  private func size(_ allocator: GrowingReceiveAllocator) -> Int {
    allocator.buffer(allocator: Self.allocator).capacity
  }

  @Test func sizesGrowWithFullReadsAndShrinkWithSmallOnes() {
    var allocator = GrowingReceiveAllocator(minimum: 2_048, maximum: 256 * 1_024)
    #expect(size(allocator) == 2_048)
    var sizes: [Int] = []
    for _ in 0..<5 {
      _ = allocator.record(actualReadBytes: size(allocator))
      sizes.append(size(allocator))
    }
    #expect(sizes == [8_192, 32_768, 131_072, 262_144, 262_144])
    _ = allocator.record(actualReadBytes: 262_144 / 4)
    #expect(size(allocator) == 262_144)
    for _ in 0..<7 { _ = allocator.record(actualReadBytes: 1) }
    #expect(size(allocator) == 2_048)
    _ = allocator.record(actualReadBytes: 0)
    #expect(size(allocator) == 2_048)
  }

  @Test func limitsAreKeptInOrder() {
    #expect(GrowingReceiveAllocator(minimum: 0, maximum: 0).maximum == 64)
    #expect(GrowingReceiveAllocator(minimum: 4_096, maximum: 10).maximum == 4_096)
  }

  /// The channel's pool stores one buffer and offers it again when nobody else holds it. What it stores is the first
  /// one: its capacity is what an idle session costs.
  @Test func thePoolKeepsOnlyTheSmallestBuffer() {
    var pool = NIOPooledRecvBufferAllocator(capacity: 1, recvAllocator: GrowingReceiveAllocator())
    var offered: [Int] = []
    for _ in 0..<10 {
      let (buffer, count) = pool.buffer(allocator: Self.allocator) { buffer in
        buffer.writeRepeatingByte(0x01, count: buffer.writableBytes)
      }
      offered.append(buffer.capacity)
      pool.record(actualReadBytes: count)
    }
    #expect(offered.prefix(2) == [2_048, 8_192] && offered.suffix(4) == [2_097_152, 2_097_152, 2_097_152, 2_097_152])
    #expect(pool.count == 1)
    #expect(pool.storedCapacities == [2_048])
  }
}

extension NIOPooledRecvBufferAllocator {
  /// Capacities of the buffers that the pool holds, whatever its fields are called.
  var storedCapacities: [Int] {
    Mirror(reflecting: self).children.flatMap { child -> [Int] in
      if let buffer = child.value as? ByteBuffer { return [buffer.capacity] }
      if let buffers = child.value as? [ByteBuffer] { return buffers.map(\.capacity) }
      return []
    }
  }
}
