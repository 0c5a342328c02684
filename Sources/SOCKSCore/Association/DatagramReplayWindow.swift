/// Tells datagrams that have been seen from those that are new, by their numbers (after RFC 4303 section 3.4.3 and
/// RFC 6479).
///
/// The library's own window is 64 wide, and wrong after gaps. This one is asked only about numbers that were read from
/// tokens which have proved genuine, so that no forged number can move it.
public struct DatagramReplayWindow: Hashable, Sendable {
  /// What is to be done with a number.
  public enum Verdict: Hashable, Sendable {
    /// Seen for the first time.
    case fresh
    case repeated
    /// Too far behind the highest number to be told apart from one that was seen.
    case late
  }

  /// Datagrams behind the highest number, itself included, that can be told apart; 512 octets of memory.
  public static let defaultWidth = 4_096
  /// No window is narrower.
  public static let minimumWidth = 1_024

  public let width: UInt64
  /// What every position is counted from.
  private let first: UInt64
  /// One more than the highest position seen.
  private var end: UInt64 = 0
  /// A ring of bits, one for each position; a word more than the width has, so that the oldest word need not be whole.
  private var words: [UInt64]

  private static let bitsPerWord: UInt64 = 64

  /// - Parameters:
  ///   - first: the first number that has not been seen: all before it were seen on the control connection, or belong
  ///     to nobody.
  ///   - width: at least 1,024; rounded up to a multiple of 64.
  public init(from first: UInt64, width: Int = Self.defaultWidth) {
    let words = (max(width, Self.minimumWidth) + 63) / 64
    self.first = first
    self.width = UInt64(words) * Self.bitsPerWord
    self.words = Array(repeating: 0, count: words + 1)
  }

  /// Judges the number of a genuine datagram, and remembers it.
  public mutating func admit(_ number: UInt64) -> Verdict {
    guard number >= self.first else { return .repeated }
    let position = number - self.first
    // The last number of all has no successor.
    guard position < .max else { return .late }
    if position >= self.end {
      self.advance(to: position)
    } else if self.end - position > self.width {
      return .late
    }
    let bit: UInt64 = 1 << (position % Self.bitsPerWord)
    let word = self.index(ofWord: position / Self.bitsPerWord)
    guard self.words[word] & bit == 0 else { return .repeated }
    self.words[word] |= bit
    return .fresh
  }

  /// Makes this the highest position: what the ring says of the words up to it is about older ones.
  private mutating func advance(to position: UInt64) {
    let last = (self.end == 0 ? 0 : self.end - 1) / Self.bitsPerWord
    let next = position / Self.bitsPerWord
    self.end = position + 1
    if next - last >= UInt64(self.words.count) {
      for index in self.words.indices { self.words[index] = 0 }
    } else {
      for word in last..<next { self.words[self.index(ofWord: word + 1)] = 0 }
    }
  }

  private func index(ofWord word: UInt64) -> Int { Int(word % UInt64(self.words.count)) }
}
