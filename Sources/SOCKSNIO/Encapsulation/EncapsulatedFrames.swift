public import NIOCore
public import SOCKSCore

/// Encapsulated messages (RFC 1961 section 5) being written one behind the other into one buffer, for one write.
public struct EncapsulatedFrames {
  /// The frames: `01 03 len token`, repeated.
  public private(set) var buffer: ByteBuffer

  /// - Parameter capacity: octets expected.
  public init(capacity: Int, allocator: ByteBufferAllocator) {
    self.buffer = allocator.buffer(capacity: max(0, capacity))
  }

  /// Writes into storage that has been used before, and takes it away from `buffer`: what that holds is forgotten.
  public init(reusing buffer: inout ByteBuffer) {
    self.buffer = buffer
    // Cleared when nobody else has it: else new storage would take its place.
    buffer = ByteBuffer()
    self.buffer.clear()
  }

  /// Appends one message whose token `write` makes in place.
  ///
  /// - Parameters:
  ///   - maximumLength: octets the token may have at most; `write` is given at least that much room.
  ///   - sealed: whether the token has to be confidential.
  ///   - write: writes the token, and returns the library's `conf_state`.
  /// - Throws: what `write` throws; `protectionFailed` when confidentiality was due and not applied, or when the token
  ///   is empty or does not fit a message. The frames are worthless then.
  public mutating func appendToken(
    maximumLength: Int, sealed: Bool, _ write: (inout OutputRawSpan) throws(SOCKSError) -> Bool
  ) throws(SOCKSError) {
    let start = self.buffer.writerIndex
    GSSMessageHeader.reserveEncapsulation(in: &self.buffer)
    var isConfidential = false
    try self.buffer.writeWithOutputRawSpan(minimumWritableBytes: maximumLength) { span throws(SOCKSError) in
      isConfidential = try write(&span)
    }
    guard isConfidential || !sealed else {
      throw SOCKSError(.protectionFailed, "the library did not apply confidentiality")
    }
    try GSSMessageHeader.completeEncapsulation(at: start, in: &self.buffer)
  }

  /// Appends several messages whose tokens `write` makes together, in place.
  ///
  /// - Parameters:
  ///   - lengths: octets of each token.
  ///   - sealed: whether the tokens have to be confidential.
  ///   - write: appends all tokens, each behind ``GSSMessage/headerLength`` octets whose content does not matter, and returns
  ///     whether confidentiality was applied to all of them. It is given room for ``TokenBatch/slack`` octets more.
  /// - Throws: as ``appendToken(maximumLength:sealed:_:)``.
  public mutating func appendTokens(
    lengths: [Int], sealed: Bool, _ write: (inout OutputRawSpan) throws(SOCKSError) -> Bool
  ) throws(SOCKSError) {
    var start = self.buffer.writerIndex
    let expected = lengths.reduce(start) { $0 + GSSMessage.headerLength + $1 }
    var isConfidential = false
    try self.buffer.writeWithOutputRawSpan(minimumWritableBytes: expected - start + TokenBatch.slack) {
      span throws(SOCKSError) in
      isConfidential = try write(&span)
    }
    guard isConfidential || !sealed else {
      throw SOCKSError(.protectionFailed, "the engine did not apply confidentiality")
    }
    guard self.buffer.writerIndex == expected else {
      throw SOCKSError(.protectionFailed, "the engine's tokens have other lengths than they should")
    }
    for length in lengths {
      try GSSMessageHeader.setEncapsulation(tokenLength: length, at: start, in: &self.buffer)
      start += GSSMessage.headerLength + length
    }
  }
}
