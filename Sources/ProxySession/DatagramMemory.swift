public import NIOCore
import Platform

/// The memory that all datagram sockets of one event loop read into, one after the other: as much as the largest datagrams
/// need, however many sockets there are. Belongs to that loop.
///
/// A channel's own pool would keep a buffer of that size for each socket as long as it lives. Here the pool is given its
/// buffer for each read, and the last datagram of the read gives it back.
public final class DatagramMemory {
  /// Datagrams read with one call of the system. With buffers for the largest ones that is as much cipher work as one
  /// turn of the loop may do for a session.
  public static let datagramsPerRead = 4
  /// Bytes of the buffer for one datagram: more than any has, for the system cuts off what does not fit without a word.
  public static let datagramCapacity = 65_536

  private var free: ByteBuffer?

  public init() {}

  /// Sets a new datagram channel up to read into this memory. To be called in its initializer, before other handlers are
  /// added.
  public func serve(_ channel: any Channel) throws {
    guard let options = channel.syncOptions else { return }
    try options.setOption(.maxMessagesPerRead, value: 1)
    let memory = NIOLoopBound(self, eventLoop: channel.eventLoop)
    try options.setOption(.recvAllocator, value: DatagramMemoryAllocator(memory: memory))
    try channel.pipeline.syncOperations.addHandler(DatagramMemoryHandler(self))
  }

  fileprivate func take(_ allocator: ByteBufferAllocator) -> ByteBuffer {
    guard let buffer = self.free else {
      return allocator.buffer(capacity: Self.datagramsPerRead * Self.datagramCapacity)
    }
    self.free = nil
    return buffer
  }

  /// - Parameter part: a part of the buffer that was taken. While somebody else has one too, it is left to them.
  fileprivate func giveBack(_ part: consuming ByteBuffer) {
    var buffer = part
    if buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil { self.free = buffer }
  }
}

/// Takes the loop's buffer for each read but the first of a channel: the buffer of that one the channel keeps for good.
private struct DatagramMemoryAllocator: RecvByteBufferAllocator {
  let memory: NIOLoopBound<DatagramMemory>
  private var hasRead = false

  init(memory: NIOLoopBound<DatagramMemory>) { self.memory = memory }

  func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
    self.hasRead ? self.memory.value.take(allocator) : allocator.buffer(capacity: DatagramMemory.datagramCapacity)
  }

  /// With "the next one may be larger", and no size, the channel asks for a buffer each time.
  mutating func record(actualReadBytes: Int) -> Bool {
    self.hasRead = true
    return true
  }
}

/// Gives buffers back when what was read into them has been dealt with.
private final class DatagramMemoryHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias InboundOut = AddressedEnvelope<ByteBuffer>

  private let memory: DatagramMemory
  private var isFirstRead = true
  private var last: ByteBuffer?

  init(_ memory: DatagramMemory) { self.memory = memory }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var envelope = self.unwrapInboundIn(data)
    self.last = envelope.data
    guard self.isFirstRead else { return context.fireChannelRead(data) }
    envelope.data = ByteBuffer(bytes: envelope.data.readableBytesView)
    context.fireChannelRead(self.wrapInboundOut(envelope))
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    guard let last = self.last.take() else { return }
    guard self.isFirstRead else { return self.memory.giveBack(last) }
    self.isFirstRead = false
    // Nobody has a part of the buffer that the channel keeps, and nothing is read into it again. All of its pages go, for
    // memory that the allocator had used before is resident already.
    var whole = last
    whole.moveReaderIndex(to: 0)
    whole.moveWriterIndex(to: whole.capacity)
    UnusedMemory.release(whole.readableBytesView)
    try? context.channel.syncOptions?.setOption(
      .datagramVectorReadMessageCount, value: DatagramMemory.datagramsPerRead)
  }
}
