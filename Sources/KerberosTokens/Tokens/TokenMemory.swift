/// One block of the cipher.
typealias CipherBlock = SIMD16<UInt8>

/// Octets that somebody lends for the time of one call, where they lie. Every access is held against their end, in
/// release builds too: the lengths are computed from what a peer sent.
@safe
struct TokenMemory {
  private let base: UnsafeMutableRawPointer
  let count: Int

  @unsafe init(base: UnsafeMutableRawPointer, count: Int) {
    unsafe self.base = base
    self.count = count
  }

  /// Big-endian.
  func word(at offset: Int) -> UInt64 {
    unsafe UInt64(bigEndian: pointer(offset..<offset + 8).loadUnaligned(as: UInt64.self))
  }

  func setWord(_ word: UInt64, at offset: Int) {
    unsafe pointer(offset..<offset + 8).storeBytes(of: word.bigEndian, as: UInt64.self)
  }

  func header(at offset: Int) -> TokenHeader {
    TokenHeader(description: word(at: offset), sequenceNumber: word(at: offset + 8))
  }

  func setHeader(_ header: TokenHeader, at offset: Int) {
    setWord(header.description, at: offset)
    setWord(header.sequenceNumber, at: offset + 8)
  }

  func block(at offset: Int) -> CipherBlock {
    unsafe pointer(offset..<offset + 16).loadUnaligned(as: CipherBlock.self)
  }

  /// Stores the block's octets from index `from` up to index `count`, each at its place.
  func setBlock(_ block: CipherBlock, at offset: Int, from: Int = 0, count: Int = 16) {
    let target = unsafe pointer(offset + from..<offset + count)
    unsafe withUnsafeBytes(of: block) { octets in
      guard let source = unsafe octets[from..<count].base.baseAddress else { return }
      unsafe target.copyMemory(from: source + from, byteCount: count - from)
    }
  }

  /// The ranges may overlap.
  func copy(_ range: Range<Int>, to offset: Int) {
    let source = unsafe pointer(range)
    unsafe pointer(offset..<offset + range.count).copyMemory(from: source, byteCount: range.count)
  }

  /// Writes to `other` what is in `range` here.
  func copy(_ range: Range<Int>, to offset: Int, of other: TokenMemory) {
    let source = unsafe pointer(range)
    unsafe other.pointer(offset..<offset + range.count).copyMemory(from: source, byteCount: range.count)
  }

  /// Writes here what is in `range` of `source`, which must not overlap.
  @unsafe func copy(_ source: UnsafeRawBufferPointer, _ range: Range<Int>, to offset: Int) {
    let target = unsafe pointer(offset..<offset + range.count)
    unsafe UnsafeMutableRawBufferPointer(start: target, count: range.count)
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
  }

  func zero(_ range: Range<Int>) {
    unsafe pointer(range).initializeMemory(as: UInt8.self, repeating: 0, count: range.count)
  }

  /// The octets of `range` as memory of their own.
  func part(_ range: Range<Int>) -> TokenMemory {
    unsafe TokenMemory(base: pointer(range), count: range.count)
  }

  /// Where `range` begins, for a call that touches nothing outside it.
  @unsafe func pointer(_ range: Range<Int>) -> UnsafeMutableRawPointer {
    // Shapes have judged every length before; should one of them have a bug, the process ends rather than touch other memory.
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "an access outside a token's memory")
    return unsafe base + range.lowerBound
  }
}
