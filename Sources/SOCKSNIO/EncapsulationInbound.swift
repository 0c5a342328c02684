import NIOCore
import SOCKSCore

/// The receiving half of the encapsulation layer: cuts what comes into messages and opens them in batches.
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
  /// Kept for its capacity.
  private var outcomes: [UnwrapOutcome] = []

  init(protection: any PerMessageProtection, check: IncomingMessageCheck) {
    self.protection = protection
    self.check = check
  }

  /// True when the stream may end here: a message has not been begun.
  var isAtBoundary: Bool { self.incoming.readableBytes == 0 }

  mutating func append(_ octets: consuming ByteBuffer) {
    if self.incoming.readableBytes == 0 {
      self.incoming = octets
    } else {
      self.incoming.writeImmutableBuffer(octets)
    }
  }

  /// Opens the messages that are whole, up to about `limit` octets of them.
  mutating func open(limit: Int, allocator: ByteBufferAllocator) -> Plaintext {
    var tokens: [Range<Int>] = []
    var end = 0
    var failure: SOCKSError?
    var hasMore = false
    scan: while failure == nil {
      do throws(SOCKSError) {
        switch try GSSMessageHeader.peek(in: self.incoming, at: end) {
        case nil:
          break scan
        case .abort:
          throw SOCKSError(.abortReceived, "the peer sent an abort in the data phase")
        case .message(let type, let length):
          guard type == .encapsulation else {
            throw SOCKSError(.unexpectedMessage, "a \(type) message came in the data phase")
          }
          guard length > 0 else { throw SOCKSError(.emptyToken, "a token of length zero came in the data phase") }
          let start = end + GSSMessage.headerLength
          guard self.incoming.readableBytes >= start + length else { break scan }
          guard end < limit else {
            hasMore = true
            break scan
          }
          tokens.append(start..<start + length)
          end = start + length
        }
      } catch {
        failure = error
      }
    }
    let (octets, unwrapFailure) = self.unwrap(tokens, end: end, allocator: allocator)
    return Plaintext(octets: octets, hasMore: hasMore, failure: unwrapFailure ?? failure)
  }

  private mutating func unwrap(
    _ tokens: [Range<Int>], end: Int, allocator: ByteBufferAllocator
  ) -> (ByteBuffer, SOCKSError?) {
    guard !tokens.isEmpty, let frames = self.takeFrames(end) else { return (ByteBuffer(), nil) }
    var batch = TokenBatch(frames: frames, tokens: tokens)
    var plaintext = allocator.buffer(capacity: batch.octets)
    self.outcomes.removeAll(keepingCapacity: true)
    let failure = self.protection.unwrap(&batch, into: &plaintext, outcomes: &self.outcomes)
    var accepted = 0
    for outcome in self.outcomes {
      do throws(SOCKSError) {
        try self.check.verify(outcome)
        accepted += outcome.plaintextLength
      } catch {
        // Nothing of that message or after it: the plaintext is cut in front of it.
        return (plaintext.readSlice(length: accepted) ?? ByteBuffer(), error)
      }
    }
    guard accepted == plaintext.readableBytes else {
      return (ByteBuffer(), SOCKSError(.protectionFailed, "the engine's plaintext has another length than it says"))
    }
    return (plaintext, failure)
  }

  /// The first `length` octets, as nobody else's storage where that costs no copy.
  private mutating func takeFrames(_ length: Int) -> ByteBuffer? {
    if length == self.incoming.readableBytes {
      let frames = self.incoming
      self.incoming = ByteBuffer()
      return frames
    }
    // The smaller part is copied: usually the beginning of the next message.
    var rest = ByteBuffer()
    let count = self.incoming.readableBytes - length
    guard let tail = self.incoming.getSlice(at: self.incoming.readerIndex + length, length: count) else { return nil }
    rest.reserveCapacity(count)
    rest.writeImmutableBuffer(tail)
    let frames = self.incoming.readSlice(length: length)
    self.incoming = rest
    return frames
  }
}
