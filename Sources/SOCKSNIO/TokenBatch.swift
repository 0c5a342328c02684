import NIOCore

/// Whole encapsulated messages as they came, and where the token of each one lies.
public struct TokenBatch {
  /// The frames. Unwrapping scrambles them, so they are nobody else's.
  private var frames: ByteBuffer
  /// Offsets from the first frame's first octet.
  private let tokens: [Range<Int>]

  init(frames: ByteBuffer, tokens: [Range<Int>]) {
    self.frames = frames
    self.tokens = tokens
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
}
