/// How plaintext is cut into tokens. AES-CBC is serial inside a message: only other messages of the same batch fill the
/// cipher's pipeline, so many equal tokens are faster than one large one.
public struct TokenSplit: Hashable, Sendable {
  /// The most tokens that are ciphered together.
  public static let maximumBatch = 16

  /// Octets of plaintext in a token: 1 KiB to 16 KiB.
  public static let bounds = 1_024...16_384

  /// The least octets of plaintext in a token, but for the last one.
  public let minimum: Int

  /// - Parameter minimum: clamped to ``bounds``. 4,096 where the peer is not known to gain from smaller ones: those cost
  ///   the system's library a fifth more for each octet.
  public init(minimum: Int) {
    self.minimum = min(max(minimum, Self.bounds.lowerBound), Self.bounds.upperBound)
  }

  /// Octets of plaintext in each token but the last, for `count` octets.
  public func pieceLength(for count: Int) -> Int {
    let wanted = (max(0, count) + Self.maximumBatch - 1) / Self.maximumBatch
    let rounded = (wanted + 15) / 16 * 16
    return min(max(rounded, minimum), Self.bounds.upperBound)
  }

  /// Appends where the pieces of `count` octets lie, in order; nothing for none.
  public func cut(_ count: Int, into pieces: inout [Range<Int>]) {
    let length = pieceLength(for: count)
    for start in stride(from: 0, to: count, by: length) {
      pieces.append(start..<min(start + length, count))
    }
  }
}
