public import NIOCore
public import SOCKSCore

/// Protects the datagrams of one association, both ways (RFC 1961 section 5): one datagram is one message `01 03 len
/// token`, and its plaintext the whole header of RFC 1928 section 7 with the data behind it.
///
/// It shares the context of the control connection, and belongs to its event loop; see
/// ``EncapsulationHandler/beginDatagrams()``. For methods without a context datagrams pass as they are.
public final class DatagramProtection {
  /// Octets of the largest datagram, protected or not: what fits an IPv4 packet.
  public static let maximumDatagram = 65_507

  private let context: (any PerMessageProtection)?
  /// Nil without a context.
  private var check: DatagramCheck?
  private let allocator = ByteBufferAllocator()

  /// The message being opened: tokens are scrambled, so they are opened in storage of our own.
  private var message = ByteBuffer()
  /// Header and data on their way into a message.
  private var assembly = ByteBuffer()
  // Kept for their capacity.
  private var outcomes: [UnwrapOutcome] = []
  private var tokens: [Range<Int>] = []
  private var plaintexts: [Range<Int>] = []

  /// Octets of storage that are kept for the next datagram; what a larger one needed is let go.
  private static let keptCapacity = 16 * 1_024

  /// Unprotected datagrams.
  public init() {
    self.context = nil
  }

  /// - Parameters:
  ///   - context: shared with the control connection, which sends and receives no message from here on.
  ///   - control: what the control connection has seen.
  /// - Throws: `protectionFailed` for a context that does not number its messages.
  init(context: any PerMessageProtection, following control: IncomingMessageCheck) throws(SOCKSError) {
    self.context = context
    self.check = try DatagramCheck(following: control)
  }

  /// The level; nil for unprotected datagrams.
  public var level: ProtectionLevel? { self.check?.level }

  // MARK: Received

  /// Opens a datagram that has come, and puts header and data in the place of what `plaintext` holds.
  ///
  /// - Parameter plaintext: its storage is used again where nobody else has it.
  /// - Throws: why the datagram has to be dropped.
  public func open(_ datagram: ByteBuffer, into plaintext: inout ByteBuffer) throws(DatagramDrop) {
    guard let context = self.context else {
      plaintext = datagram
      return
    }
    let token = try Self.token(in: datagram)
    self.message.clear()
    self.message.writeImmutableBuffer(datagram)
    // Not earlier: the last batch had a part in them.
    self.tokens.removeAll(keepingCapacity: true)
    self.plaintexts.removeAll(keepingCapacity: true)
    self.tokens.append(token)
    var batch = TokenBatch(frames: self.message, tokens: self.tokens, plaintexts: self.plaintexts)
    // The batch has them alone: no copy is made when they are written to.
    self.message = ByteBuffer()
    self.plaintexts = []
    self.outcomes.removeAll(keepingCapacity: true)
    plaintext.clear()
    let failure = context.unwrap(&batch, into: &plaintext, outcomes: &self.outcomes)
    let storage: ByteBuffer
    (storage, self.plaintexts) = batch.takeParts()
    if let opened = self.plaintexts.first,
      let part = storage.getSlice(at: storage.readerIndex + opened.lowerBound, length: opened.count)
    {
      plaintext.writeImmutableBuffer(part)
    }
    self.message = Self.kept(storage)
    guard failure == nil, self.outcomes.count == 1, let outcome = self.outcomes.first,
      outcome.plaintextLength == plaintext.readableBytes
    else {
      plaintext.clear()
      throw .notGenuine
    }
    do throws(DatagramDrop) {
      try self.check?.verify(outcome)
    } catch {
      plaintext.clear()
      throw error
    }
  }

  /// Opens a datagram that has come, and reads its header.
  ///
  /// - Throws: why the datagram has to be dropped.
  public func open(_ datagram: ByteBuffer) throws(DatagramDrop) -> (header: UDPRequestHeader, data: ByteBuffer) {
    var plaintext = ByteBuffer()
    try self.open(datagram, into: &plaintext)
    do throws(SOCKSError) {
      return (try UDPRequestHeader.decode(from: &plaintext), plaintext)
    } catch {
      throw .malformedHeader
    }
  }

  /// Where the token of a datagram lies that is exactly one message.
  private static func token(in datagram: ByteBuffer) throws(DatagramDrop) -> Range<Int> {
    let header: GSSMessageHeader?
    do throws(SOCKSError) {
      header = try GSSMessageHeader.peek(in: datagram)
    } catch {
      // An unprotected datagram begins with two bytes of zero.
      throw .unprotected
    }
    switch header {
    case .message(.encapsulation, let length):
      let end = GSSMessage.headerLength + length
      guard length > 0, datagram.readableBytes == end else { throw .wrongLength }
      return GSSMessage.headerLength..<end
    case .message(.authentication, _), .message(.protectionLevel, _), .message(.abort, _), .abort:
      throw .unprotected
    case nil:
      throw .wrongLength
    }
  }

  // MARK: Sent

  /// Protects data with its header, and puts the datagram in the place of what `datagram` holds.
  ///
  /// - Parameter datagram: its storage is used again where nobody else has it.
  /// - Throws: `tooLarge`, `protectionFailed`: the datagram has to be dropped. The next one may do.
  public func protect(
    _ data: ByteBuffer, header: UDPRequestHeader, into datagram: inout ByteBuffer
  ) throws(DatagramDrop) {
    guard data.readableBytes <= Self.maximumDatagram else { throw .tooLarge }
    guard let context = self.context else {
      datagram.clear()
      Self.assemble(data, header, into: &datagram)
      guard datagram.readableBytes <= Self.maximumDatagram else { throw .tooLarge }
      return
    }
    self.assembly.clear()
    Self.assemble(data, header, into: &self.assembly)
    defer { self.assembly = Self.kept(self.assembly) }
    var frames = EncapsulatedFrames(reusing: &datagram)
    do throws(SOCKSError) {
      try context.wrapDatagram(self.assembly, sealed: self.seals, into: &frames)
    } catch {
      throw error.code == .valueOutOfRange ? .tooLarge : .protectionFailed
    }
    guard frames.buffer.readableBytes <= Self.maximumDatagram else { throw .tooLarge }
    datagram = frames.buffer
  }

  /// "if protection level 1 is agreed then conf_req_flag MUST always be FALSE; if protection level 2 is agreed then
  /// conf_req_flag MUST always be TRUE" (RFC 1961 section 5). At level 3 nothing shows that a datagram is encrypted
  /// already.
  private var seals: Bool { self.check?.level != .integrity }

  private static func assemble(_ data: ByteBuffer, _ header: UDPRequestHeader, into buffer: inout ByteBuffer) {
    header.encode(into: &buffer)
    buffer.writeImmutableBuffer(data)
  }

  private static func kept(_ storage: consuming ByteBuffer) -> ByteBuffer {
    storage.capacity <= Self.keptCapacity ? storage : ByteBuffer()
  }
}
