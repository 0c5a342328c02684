import NIOCore
import SOCKSCore

/// The receiving half of the encapsulation layer: cuts what comes into messages and opens them in batches.
///
/// Messages are opened where they were read. Only one that came in several reads is put together in storage of its own:
/// that is one copy of at most one message for each read, however long the reads are.
struct EncapsulationInbound {
  /// A batch's plaintext, and what ended it.
  struct Plaintext {
    var octets: ByteBuffer
    /// More whole messages are waiting.
    var hasMore: Bool
    /// The message behind the plaintext is bad: the session is over.
    var failure: SOCKSError?
  }

  private let protection: any PerMessageProtection
  private var check: IncomingMessageCheck
  /// What has come and is not opened yet: at most one message and one read, whatever a header announces.
  private var incoming = ByteBuffer()
  /// What has come behind `incoming`, which is then at most one message, begun in an earlier read.
  private var following = ByteBuffer()
  /// Kept for its capacity.
  private var outcomes: [UnwrapOutcome] = []

  init(protection: any PerMessageProtection, check: IncomingMessageCheck) {
    self.protection = protection
    self.check = check
  }

  /// True when the stream may end here: a message has not been begun.
  var isAtBoundary: Bool { self.incoming.readableBytes == 0 && self.following.readableBytes == 0 }

  /// The protection of datagrams, for which everything received so far counts as seen.
  func beginDatagrams() throws(SOCKSError) -> DatagramProtection {
    try DatagramProtection(context: self.protection, following: self.check)
  }

  mutating func append(_ octets: consuming ByteBuffer) {
    if self.isAtBoundary {
      self.incoming = octets
    } else if self.following.readableBytes > 0 {
      self.following.writeImmutableBuffer(octets)
    } else if self.lacksEndOfFirstMessage {
      self.following = octets
      self.completeMessage()
    } else {
      // Not the way of a busy stream: a read came before the one before it was opened.
      self.incoming.writeImmutableBuffer(octets)
    }
  }

  /// Opens the messages that are whole, up to about `limit` octets of them.
  mutating func open(limit: Int, allocator: ByteBufferAllocator) -> Plaintext {
    var plaintext = Plaintext(octets: ByteBuffer(), hasMore: false, failure: nil)
    var work = 0
    repeat {
      let (tokens, end) = self.scan(limit: limit - work, &plaintext)
      if work == 0, end > 0 {
        // One message may go beyond the limit.
        let most = limit + GSSMessage.headerLength + GSSMessage.maximumTokenLength
        plaintext.octets = allocator.buffer(
          capacity: min(self.incoming.readableBytes + self.following.readableBytes, most))
      }
      work += end
      if let failure = self.unwrap(tokens, end: end, into: &plaintext.octets) {
        plaintext.failure = failure
        plaintext.hasMore = false
      }
      guard self.incoming.readableBytes == 0, plaintext.failure == nil else { break }
      self.incoming = self.following
      self.following = ByteBuffer()
    } while self.incoming.readableBytes > 0
    return plaintext
  }

  /// Where the tokens of the next whole messages lie, and where the last of these messages ends.
  private func scan(limit: Int, _ plaintext: inout Plaintext) -> ([Range<Int>], end: Int) {
    var tokens: [Range<Int>] = []
    var end = 0
    do throws(SOCKSError) {
      while let length = try Self.tokenLength(in: self.incoming, at: end) {
        let start = end + GSSMessage.headerLength
        guard self.incoming.readableBytes >= start + length else { break }
        guard end < limit else {
          plaintext.hasMore = true
          break
        }
        tokens.append(start..<start + length)
        end = start + length
      }
    } catch {
      plaintext.failure = error
    }
    return (tokens, end)
  }

  /// The length of the token of the message that begins there; nil when that is not known yet.
  private static func tokenLength(in octets: ByteBuffer, at offset: Int) throws(SOCKSError) -> Int? {
    switch try GSSMessageHeader.peek(in: octets, at: offset) {
    case nil:
      return nil
    case .abort:
      throw SOCKSError(.abortReceived, "the peer sent an abort in the data phase")
    case .message(let type, let length):
      guard type == .encapsulation else {
        throw SOCKSError(.unexpectedMessage, "a message of type \(type) came in the data phase")
      }
      guard length > 0 else { throw SOCKSError(.emptyToken, "a token of length zero came in the data phase") }
      return length
    }
  }

  /// Opens `incoming`'s next messages, which end at `end`, and takes them away from it.
  private mutating func unwrap(
    _ tokens: [Range<Int>], end: Int, into plaintext: inout ByteBuffer
  ) -> SOCKSError? {
    guard !tokens.isEmpty, var batch = self.takeBatch(tokens, end: end) else { return nil }
    let before = plaintext.readableBytes
    self.outcomes.removeAll(keepingCapacity: true)
    let failure = self.protection.unwrap(&batch, into: &plaintext, outcomes: &self.outcomes)
    var accepted = before
    for outcome in self.outcomes {
      do throws(SOCKSError) {
        try self.check.verify(outcome)
        accepted += outcome.plaintextLength
      } catch {
        // Nothing of that message or after it: the plaintext is cut in front of it.
        plaintext = plaintext.getSlice(at: plaintext.readerIndex, length: accepted) ?? ByteBuffer()
        return error
      }
    }
    guard accepted == plaintext.readableBytes else {
      plaintext = ByteBuffer()
      return SOCKSError(.protectionFailed, "the engine's plaintext has another length than it says")
    }
    return failure
  }

  /// The messages up to `end`, as nobody else's storage where that costs no copy. What is left has storage of its own:
  /// usually it is the beginning of one message, and the whole read is not kept for it.
  private mutating func takeBatch(_ tokens: [Range<Int>], end: Int) -> TokenBatch? {
    var rest = ByteBuffer()
    let count = self.incoming.readableBytes - end
    if count > 0 {
      guard let tail = self.incoming.getSlice(at: self.incoming.readerIndex + end, length: count) else { return nil }
      rest.reserveCapacity(count)
      rest.writeImmutableBuffer(tail)
    }
    guard let frames = self.incoming.readSlice(length: end) else { return nil }
    self.incoming = rest
    return TokenBatch(frames: frames, tokens: tokens)
  }

  /// What waits is the beginning of one message and no more.
  private var lacksEndOfFirstMessage: Bool {
    do throws(SOCKSError) {
      guard let length = try Self.tokenLength(in: self.incoming, at: 0) else { return true }
      return self.incoming.readableBytes < GSSMessage.headerLength + length
    } catch {
      // It is told of when the messages are opened.
      return false
    }
  }

  /// Moves from `following` what `incoming`'s message lacks.
  private mutating func completeMessage() {
    self.moveFollowing(upTo: GSSMessage.headerLength)
    // A header that is wrong is told of when the messages are opened; nothing behind it matters.
    guard let length = try? Self.tokenLength(in: self.incoming, at: 0) else { return }
    self.moveFollowing(upTo: GSSMessage.headerLength + length)
  }

  /// Lengthens `incoming` to `count` octets, as far as there are some.
  private mutating func moveFollowing(upTo count: Int) {
    let missing = min(count - self.incoming.readableBytes, self.following.readableBytes)
    guard missing > 0, let part = self.following.readSlice(length: missing) else { return }
    self.incoming.writeImmutableBuffer(part)
  }
}
