internal import CKerberosCiphers

/// The room of a provider: jobs for the cipher library, made once, so that tokens need no allocation.
@safe
final class WorkBench {
  static let capacity = TokenSplit.maximumBatch
  /// Octets that a cipher needs behind a token: padding, or the end of a header copy.
  static let spareOctets = 4

  private let cipherJobs = UnsafeMutablePointer<ckc_cipher_job>.allocate(capacity: capacity)
  private let hashJobs = UnsafeMutablePointer<ckc_hash_job>.allocate(capacity: capacity)
  private let octets: UnsafeMutableRawPointer

  private static let blocksLength = capacity * CiphertextStealing.blockLength
  private static let tokenLength = TokenExpectation.maximumTokenLength + spareOctets

  /// One block for each token of a batch.
  let blocks: TokenMemory
  /// Room to turn a token's body in.
  let rotation: TokenMemory
  /// Room for the one token of a batch that has nothing behind it.
  let last: TokenMemory

  /// What is known of the tokens of the batch at hand.
  var works: [TokenWork] = []

  init() {
    unsafe cipherJobs.initialize(repeating: ckc_cipher_job(), count: Self.capacity)
    unsafe hashJobs.initialize(repeating: ckc_hash_job(), count: Self.capacity)
    let count = Self.blocksLength + 2 * Self.tokenLength
    unsafe octets = .allocate(byteCount: count, alignment: 64)
    unsafe octets.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    let all = unsafe TokenMemory(base: octets, count: count)
    blocks = all.part(0..<Self.blocksLength)
    rotation = all.part(Self.blocksLength..<Self.blocksLength + Self.tokenLength)
    last = all.part(Self.blocksLength + Self.tokenLength..<count)
    works.reserveCapacity(Self.capacity)
  }

  deinit {
    unsafe ckc_wipe(cipherJobs, Self.capacity * MemoryLayout<ckc_cipher_job>.stride)
    unsafe ckc_wipe(hashJobs, Self.capacity * MemoryLayout<ckc_hash_job>.stride)
    unsafe ckc_wipe(octets, Self.blocksLength + 2 * Self.tokenLength)
    unsafe cipherJobs.deallocate()
    unsafe hashJobs.deallocate()
    unsafe octets.deallocate()
  }

  /// Ciphers, for each token that `select` gives a range for, what is there.
  ///
  /// - Parameter select: the octets, and where to put the result: `nil` for the same place, else a token's own block.
  func cipher(
    _ ciphers: any BatchCiphers, _ keys: borrowing DirectionKeys, toBlocks: Bool = false,
    _ select: (TokenWork) -> Range<Int>?
  ) -> Bool {
    var count = 0
    for (index, work) in works.enumerated() {
      guard let range = select(work) else { continue }
      let source = unsafe work.memory.pointer(range)
      let block = index * CiphertextStealing.blockLength
      let target =
        toBlocks ? unsafe blocks.pointer(block..<block + CiphertextStealing.blockLength) : unsafe source
      unsafe cipherJobs[count] = ckc_cipher_job(
        keys: keys.raw, source: source.assumingMemoryBound(to: UInt8.self),
        target: target.assumingMemoryBound(to: UInt8.self), length: range.count)
      count += 1
    }
    guard count > 0 else { return true }
    return unsafe ciphers.cipher(UnsafeMutableBufferPointer(start: cipherJobs, count: count))
  }

  /// Computes the checksum of each token that `select` gives a range for, and hands it to `use` with the token's index.
  func hash(
    _ ciphers: any BatchCiphers, _ keys: borrowing DirectionKeys, _ select: (TokenWork) -> Range<Int>?,
    use: (Int, TokenMemory) -> Void
  ) -> Bool {
    var count = 0
    for work in works {
      guard let range = select(work) else { continue }
      unsafe hashJobs[count].keys = keys.raw
      unsafe hashJobs[count].source = UnsafePointer(work.memory.pointer(range).assumingMemoryBound(to: UInt8.self))
      unsafe hashJobs[count].length = range.count
      unsafe hashJobs[count].sealed = work.isSealed ? 1 : 0
      count += 1
    }
    guard count > 0 else { return true }
    guard unsafe ciphers.hash(UnsafeMutableBufferPointer(start: hashJobs, count: count)) else { return false }
    var job = 0
    for index in works.indices where select(works[index]) != nil {
      unsafe withUnsafeMutableBytes(of: &hashJobs[job].checksum) { octets in
        guard let base = octets.baseAddress else { return }
        use(index, unsafe TokenMemory(base: base, count: octets.count))
      }
      job += 1
    }
    return true
  }
}
