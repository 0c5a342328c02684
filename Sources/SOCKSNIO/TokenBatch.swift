import NIOCore

/// Whole encapsulated messages as they came, and where the token of each one lies.
public struct TokenBatch {
  /// The frames. Unwrapping scrambles them, so they are nobody else's.
  private var frames: ByteBuffer
  private let tokens: Tokens

  /// Offsets from the first frame's first octet.
  private enum Tokens {
    /// One, for which no list is made.
    case datagram(Range<Int>)
    case stream([Range<Int>])
  }

  init(frames: ByteBuffer, tokens: [Range<Int>]) {
    self.frames = frames
    self.tokens = .stream(tokens)
  }

  /// The token of one datagram.
  init(datagram: ByteBuffer, token: Range<Int>) {
    self.frames = datagram
    self.tokens = .datagram(token)
  }

  /// The number of tokens.
  public var count: Int {
    switch self.tokens {
    case .datagram: 1
    case .stream(let tokens): tokens.count
    }
  }

  /// The octets of all tokens together: no more than this will be plaintext.
  public var octets: Int {
    switch self.tokens {
    case .datagram(let token): token.count
    case .stream(let tokens): tokens.reduce(0) { $0 + $1.count }
    }
  }

  /// Lends one token's octets for writing; nil for an index that is out of range.
  public mutating func withToken<Result>(at index: Int, _ body: (inout MutableRawSpan) -> Result) -> Result? {
    guard let range = self.range(at: index) else { return nil }
    var span = self.frames.mutableReadableBytesSpan
    guard range.upperBound <= span.byteCount else { return nil }
    var token = span._mutatingExtracting(range)
    return body(&token)
  }
  /// Gives the storage back, its octets used up.
  consuming func takeStorage() -> ByteBuffer { self.frames }

  private func range(at index: Int) -> Range<Int>? {
    switch self.tokens {
    case .datagram(let token): index == 0 ? token : nil
    case .stream(let tokens): tokens.indices.contains(index) ? tokens[index] : nil
    }
  }
}
