import NIOCore

/// Whole encapsulated messages as they came, and where the token of each one lies.
public struct TokenBatch {
  /// The frames. Unwrapping scrambles them, so they are nobody else's.
  private var frames: ByteBuffer
  /// Offsets from the first frame's first octet.
  private let tokens: [Range<Int>]
  /// Where plaintext lies in the place of its token, for the tokens opened so far.
  private(set) var plaintexts: [Range<Int>]

  /// Octets behind each token that an engine may write to, if it restores them.
  public static let slack = 4

  /// - Parameter plaintexts: an empty array, whose capacity is used.
  init(frames: ByteBuffer, tokens: [Range<Int>], plaintexts: consuming [Range<Int>] = []) {
    self.frames = frames
    self.tokens = tokens
    self.plaintexts = plaintexts
  }

  /// The number of tokens.
  public var count: Int { self.tokens.count }

  /// The octets of all tokens together: no more than this will be plaintext.
  public var octets: Int { self.tokens.reduce(0) { $0 + $1.count } }

  /// Lends one token's octets for writing; nil for an index that is out of range.
  public mutating func withToken<Result>(at index: Int, _ body: (inout MutableRawSpan) -> Result) -> Result? {
    guard self.tokens.indices.contains(index) else { return nil }
    let range = self.tokens[index]
    var span = self.frames.mutableReadableBytesSpan
    guard range.upperBound <= span.byteCount else { return nil }
    var token = span._mutatingExtracting(range)
    return body(&token)
  }

  /// Lends the octets of all messages, and says where the tokens lie, for an engine that opens them where they are.
  ///
  /// Behind the last token, too, there are ``slack`` octets.
  public mutating func withTokens<Result>(_ body: (inout MutableRawSpan, [Range<Int>]) -> Result) -> Result {
    let tokens = self.tokens
    let missing = (tokens.last?.upperBound ?? 0) + Self.slack - self.frames.readableBytes
    if missing > 0 { self.frames.writeRepeatingByte(0, count: missing) }
    defer { if missing > 0 { self.frames.moveWriterIndex(to: self.frames.writerIndex - missing) } }
    var span = self.frames.mutableReadableBytesSpan
    return body(&span, tokens)
  }

  /// The next token's plaintext lies there, in the token's place. An engine says so of every token that it opens, or of
  /// none.
  public mutating func openedInPlace(_ plaintext: Range<Int>) { self.plaintexts.append(plaintext) }

  /// Gives the storage back, its octets used up, and where plaintext lies in it.
  consuming func takeParts() -> (frames: ByteBuffer, plaintexts: [Range<Int>]) { (self.frames, self.plaintexts) }
}
