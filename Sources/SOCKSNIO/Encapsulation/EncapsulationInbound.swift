import NIOCore
import SOCKSCore

/// The receiving half of the encapsulation layer: cuts what comes into messages and opens them in batches.
///
/// Messages are opened where they were read. Only one that came in several reads is put together in storage of its own:
/// that is one copy of at most one message for each read, however long the reads are. An engine may leave the plaintext
/// where the tokens lay: then a read is handed on when all its messages are open, for nobody may write to storage that
/// somebody else has a part of.
struct EncapsulationInbound {
  /// A batch's plaintext, and what ended it.
  struct Plaintext {
    /// In order; none is empty.
    var parts: [ByteBuffer] = []
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
  /// Octets of `incoming` whose messages are open, their plaintext still in place.
  private var openedOctets = 0
  /// Where that plaintext lies.
  private var openedInPlace: [Range<Int>] = []
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
  mutating func open(limit: Int) -> Plaintext {
    var plaintext = Plaintext(hasMore: false, failure: nil)
    var work = 0
    repeat {
      let (tokens, end) = self.scan(limit: limit - work, &plaintext)
      work += end - self.openedOctets
      if let failure = self.unwrap(tokens, end: end, into: &plaintext.parts) {
        plaintext.failure = failure
        plaintext.hasMore = false
      }
      guard !plaintext.hasMore else { break }
      self.handOver(&plaintext.parts)
      guard self.incoming.readableBytes == 0, plaintext.failure == nil else { break }
      self.incoming = self.following
      self.following = ByteBuffer()
    } while self.incoming.readableBytes > 0
    return plaintext
  }

  /// Where the tokens of the next whole messages lie, and where the last of these messages ends.
  private func scan(limit: Int, _ plaintext: inout Plaintext) -> ([Range<Int>], end: Int) {
    var tokens: [Range<Int>] = []
    let begin = self.openedOctets
    var end = begin
    do throws(SOCKSError) {
      while let length = try Self.tokenLength(in: self.incoming, at: end) {
        let start = end + GSSMessage.headerLength
        guard self.incoming.readableBytes >= start + length else { break }
        guard end - begin < limit else {
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

  /// Opens `incoming`'s next messages, which end at `end`.
  private mutating func unwrap(
    _ tokens: [Range<Int>], end: Int, into parts: inout [ByteBuffer]
  ) -> SOCKSError? {
    guard !tokens.isEmpty else { return nil }
    var batch = TokenBatch(frames: self.incoming, tokens: tokens)
    // The batch has it alone: no copy is made when it is written to.
    self.incoming = ByteBuffer()
    var plaintext = ByteBuffer()
    self.outcomes.removeAll(keepingCapacity: true)
    let failure = self.protection.unwrap(&batch, into: &plaintext, outcomes: &self.outcomes)
    let (frames, inPlace) = batch.takeParts()
    self.incoming = frames
    if inPlace.isEmpty {
      return self.accept(&plaintext, end: end, into: &parts) ?? failure
    }
    return self.accept(inPlace, of: tokens, end: end) ?? failure
  }

  /// Judges plaintext that lies in a buffer of its own.
  private mutating func accept(
    _ plaintext: inout ByteBuffer, end: Int, into parts: inout [ByteBuffer]
  ) -> SOCKSError? {
    self.incoming.moveReaderIndex(forwardBy: end)
    var accepted = 0
    for outcome in self.outcomes {
      do throws(SOCKSError) {
        try self.check.verify(outcome)
        accepted += outcome.plaintextLength
      } catch {
        // Nothing of that message or after it: the plaintext is cut in front of it.
        if let part = plaintext.readSlice(length: accepted), accepted > 0 { parts.append(part) }
        return error
      }
    }
    guard accepted == plaintext.readableBytes else { return Self.wrongLength }
    if accepted > 0 { parts.append(plaintext) }
    return nil
  }

  /// Judges plaintext that lies where its tokens did.
  private mutating func accept(_ plaintexts: [Range<Int>], of tokens: [Range<Int>], end: Int) -> SOCKSError? {
    self.openedOctets = end
    guard plaintexts.count == self.outcomes.count, plaintexts.count <= tokens.count else { return Self.wrongLength }
    for (outcome, (plaintext, token)) in zip(self.outcomes, zip(plaintexts, tokens)) {
      guard plaintext.count == outcome.plaintextLength, token.lowerBound <= plaintext.lowerBound,
        plaintext.upperBound <= token.upperBound
      else { return Self.wrongLength }
      do throws(SOCKSError) {
        try self.check.verify(outcome)
      } catch {
        return error
      }
      if !plaintext.isEmpty { self.openedInPlace.append(plaintext) }
    }
    return nil
  }

  private static let wrongLength =
    SOCKSError(.protectionFailed, "the engine's plaintext has another length than it says")

  /// Hands on what has been opened in place, and leaves what is the beginning of a message.
  private mutating func handOver(_ parts: inout [ByteBuffer]) {
    let begin = self.incoming.readerIndex
    for range in self.openedInPlace {
      if let part = self.incoming.getSlice(at: begin + range.lowerBound, length: range.count) { parts.append(part) }
    }
    self.openedInPlace.removeAll(keepingCapacity: true)
    self.incoming.moveReaderIndex(forwardBy: self.openedOctets)
    self.openedOctets = 0
    // The rest gets storage of its own: the whole read is not kept for it, and others have parts of it.
    var rest = ByteBuffer()
    rest.writeImmutableBuffer(self.incoming)
    self.incoming = rest
  }

  /// What waits is the beginning of one message and no more.
  private var lacksEndOfFirstMessage: Bool {
    do throws(SOCKSError) {
      guard let length = try Self.tokenLength(in: self.incoming, at: self.openedOctets) else { return true }
      return self.incoming.readableBytes < self.openedOctets + GSSMessage.headerLength + length
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
